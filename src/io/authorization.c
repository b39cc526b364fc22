/* SPDX-License-Identifier: Apache-2.0 */
#include "io/authorization.h"

#include <errno.h>
#include <string.h>
#include "base/base64.h"
#include "base/text.h"
#include "io/atomic_file.h"

void authorization_wipe(struct buf *value)
{
	size_t max = value->max;

	if (value->p)
		explicit_bzero(value->p, value->cap);
	buf_fini(value);
	buf_init(value, max);
}

/* In place; "" if the line is none. */
static struct slice first_line(const struct buf *text)
{
	struct slice line = buf_slice(text);

	line.n = strcspn(buf_text(text), "\r\n");
	return slice_trim(line);
}

static int add(struct buf *value, struct slice secret, const char *token_file,
               const char *user_file, struct err *err)
{
	if (secret.n == 0 || !text_is_printable(secret))
		return err_set(err, -EINVAL, "%s holds no %s in its first line",
		               token_file ? token_file : user_file,
		               token_file ? "token" : "user:password");
	if (user_file && !memchr(secret.p, ':', secret.n))
		return err_set(err, -EINVAL,
		               "the first line of %s is not user:password",
		               user_file);
	(void)buf_puts(value, token_file ? "Bearer " : "Basic ");
	if (token_file)
		(void)buf_append(value, secret.p, secret.n);
	else
		(void)base64_encode(value, secret);
	if (value->failed)
		return err_set(err, value->failed, "out of memory");
	return 0;
}

int authorization_read(struct buf *value, const char *token_file,
                       const char *user_file, struct err *err)
{
	struct buf text;
	int r = atomic_file_read(token_file ? token_file : user_file,
	                         AUTHORIZATION_MAX_FILE, &text, err);

	if (r == 0)
		r = add(value, first_line(&text), token_file, user_file, err);
	authorization_wipe(&text);
	return r;
}
