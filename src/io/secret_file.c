/* SPDX-License-Identifier: Apache-2.0 */
#include "io/secret_file.h"

#include <errno.h>
#include <string.h>
#include "base/text.h"
#include "io/atomic_file.h"

int secret_file_read(const char *path, struct buf *secret, struct err *err)
{
	struct slice line;
	struct buf text;
	int r = atomic_file_read(path, secret->max, &text, err);

	line = buf_slice(&text);
	line.n = strcspn(buf_text(&text), "\r\n");
	line = slice_trim(line);
	if (r == 0 && (line.n == 0 || !text_is_printable(line)))
		r = err_set(err, -EINVAL,
		            "%s holds no secret in its first line", path);
	if (r == 0 && buf_append(secret, line.p, line.n) < 0)
		r = err_set_code(err, secret->failed, "%s", path);
	secret_wipe(&text);
	return r;
}

void secret_wipe(struct buf *secret)
{
	if (secret->p)
		explicit_bzero(secret->p, secret->cap);
	buf_fini(secret);
}
