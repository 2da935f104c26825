"""Run by Spark's own environment: scores a table with `spark_udf` in local mode, prints JSON."""

from __future__ import annotations

import json
import sys

from pyspark.sql import SparkSession
from pyspark.sql.functions import struct

from millrace.models.spark import spark_udf

spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
frame = spark.createDataFrame(
    [(float(at), float(at % 7)) for at in range(1000)], "a double, b double"
).repartition(4)
score = spark_udf(spark, sys.argv[1], trusted=True)
rows = frame.withColumn("each", score("a", "b")).withColumn("whole", score(struct("a", "b")))
found = [[row.a, row.b, row.each, row.whole] for row in rows.collect()]
print(json.dumps({"type": dict(rows.dtypes)["each"], "rows": found}))
spark.stop()
