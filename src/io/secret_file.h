/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret_file: a secret in the first line of a small file, as others hand
 * tokens and passwords to a program: systemd's credentials, Docker's and
 * Kubernetes' secrets.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"

/*
 * secret_file_read() - append the first line of a file, without blanks around
 * it; blocks
 *
 * The file may have as many bytes as @secret may. 0, or a negative code with
 * words that name the file: it cannot be read, is too large, or its first line
 * is empty or not printable; @secret may then hold less than all.
 */
int secret_file_read(const char *path, struct buf *secret,
                     struct err *err) MUST_CHECK;

/* As buf_fini(), and nothing stays of it in memory. */
void secret_wipe(struct buf *secret);
