/* Makes one of the system calls that change files fail; preloaded into a process by a test.
 *
 * fail_call(n, error): the n-th such call from now on fails with error; 0: none does.
 * calls(): how many there were since. Standard output and error are not counted. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_int wanted, seen, reason;

void fail_call(int n, int error) {
    atomic_store(&wanted, 0);
    atomic_store(&seen, 0);
    atomic_store(&reason, error);
    atomic_store(&wanted, n);
}

int calls(void) { return atomic_load(&seen); }

static int fails(void) {
    int n = atomic_load(&wanted);
    if (n == 0 || atomic_fetch_add(&seen, 1) + 1 != n) return 0;
    errno = atomic_load(&reason);
    return 1;
}

#define REAL(type, name, ...) ((type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size) {
    if (fd > 2 && fails()) return -1;
    return REAL(ssize_t, write, int, const void *, size_t)(fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    if (fails()) return -1;
    return REAL(ssize_t, pwrite, int, const void *, size_t, off_t)(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    if (fails()) return -1;
    return REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t)(fd, data, size, at);
}

#define ONE_FD(name)                            \
    int name(int fd) {                          \
        if (fails()) return -1;                 \
        return REAL(int, name, int)(fd);        \
    }
ONE_FD(fsync)
ONE_FD(fdatasync)

int ftruncate(int fd, off_t size) {
    if (fails()) return -1;
    return REAL(int, ftruncate, int, off_t)(fd, size);
}
int ftruncate64(int fd, off64_t size) {
    if (fails()) return -1;
    return REAL(int, ftruncate64, int, off64_t)(fd, size);
}
int rename(const char *from, const char *to) {
    if (fails()) return -1;
    return REAL(int, rename, const char *, const char *)(from, to);
}
int unlink(const char *path) {
    if (fails()) return -1;
    return REAL(int, unlink, const char *)(path);
}
int mkdir(const char *path, mode_t mode) {
    if (fails()) return -1;
    return REAL(int, mkdir, const char *, mode_t)(path, mode);
}

#define OPENS(name)                                                          \
    int name(const char *path, int flags, ...) {                             \
        va_list more;                                                        \
        va_start(more, flags);                                               \
        mode_t mode = va_arg(more, mode_t);                                  \
        va_end(more);                                                        \
        if ((flags & O_ACCMODE) != O_RDONLY && fails()) return -1;           \
        return REAL(int, name, const char *, int, mode_t)(path, flags, mode);\
    }
OPENS(open)
OPENS(open64)
