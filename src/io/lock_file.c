/* SPDX-License-Identifier: Apache-2.0 */
#include "io/lock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

/* @fd: open, or negative with errno. */
static int take(int fd, int *fdp)
{
	int r;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		*fdp = fd;
		return 0;
	}
	r = -errno;
	(void)close(fd);
	return r;
}

int lock_file_take(const char *path, int *fdp)
{
	return take(open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
	                 LOCK_FILE_MODE),
	            fdp);
}

int lock_file_take_directory(const char *path, int *fdp)
{
	return take(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fdp);
}
