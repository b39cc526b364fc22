/* SPDX-License-Identifier: Apache-2.0 */
/* lock_file: one program at a time. The lock is the kernel's and goes with the
 * process, however that ends; the file itself stays. Children that are
 * executed do not have it. Blocks for a moment. */
#pragma once

#include "base/macros.h"

#define LOCK_FILE_MODE 0640

/* 0 with *fdp, which holds the lock until it is closed; -EWOULDBLOCK: somebody
 * else has it; or why one cannot know. */
int lock_file_take(const char *path, int *fdp) MUST_CHECK;
/* The same of a directory, which is locked itself: no file is made. */
int lock_file_take_directory(const char *path, int *fdp) MUST_CHECK;
