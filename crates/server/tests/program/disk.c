/* Loaded before libc: a disk that breaks as the file names in the folder FAULTS say. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is(const char *fault) {
    char file[4096];
    const char *folder = getenv("FAULTS");
    if (!folder) return 0;
    snprintf(file, sizeof file, "%s/%s", folder, fault);
    return access(file, F_OK) == 0;
}

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

/* What is in place can be written over when the disk is full, what is new cannot. */
static int refuses(int fd, off_t end) {
    struct stat file;
    if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) return 0;
    if (is("read-only")) { errno = EROFS; return 1; }
    if (end > file.st_size && is("full")) { errno = ENOSPC; return 1; }
    return 0;
}

#define SYNC(name)                                               \
    int name(int fd) {                                           \
        if (is("unable-to-sync")) { errno = EIO; return -1; }    \
        return ((int (*)(int))real(#name))(fd);                  \
    }
SYNC(fsync)
SYNC(fdatasync)

ssize_t write(int fd, const void *bytes, size_t n) {
    if (refuses(fd, lseek(fd, 0, SEEK_CUR) + n)) return -1;
    return ((ssize_t (*)(int, const void *, size_t))real("write"))(fd, bytes, n);
}

#define PWRITE(name)                                                                            \
    ssize_t name(int fd, const void *bytes, size_t n, off_t at) {                               \
        if (refuses(fd, at + n)) return -1;                                                     \
        return ((ssize_t (*)(int, const void *, size_t, off_t))real(#name))(fd, bytes, n, at);  \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define OPEN(name)                                                                              \
    int name(const char *path, int flags, ...) {                                                \
        va_list rest;                                                                           \
        va_start(rest, flags);                                                                  \
        int mode = va_arg(rest, int);                                                           \
        va_end(rest);                                                                           \
        if (flags & (O_WRONLY | O_RDWR) && strstr(path, ".db")) {                               \
            if (is("read-only")) { errno = EROFS; return -1; }                                  \
            if (is("not-ours")) { errno = EACCES; return -1; }                                  \
        }                                                                                       \
        return ((int (*)(const char *, int, ...))real(#name))(path, flags, mode);               \
    }
OPEN(open)
OPEN(open64)
