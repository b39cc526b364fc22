/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

void err_clear(struct err *err)
{
	if (!err)
		return;
	err->code = 0;
	err->message[0] = '\0';
}

int err_vset(struct err *err, int code, const char *format, va_list args)
{
	if (err) {
		err->code = code;
		(void)vsnprintf(err->message, sizeof(err->message), format,
		                args);
	}
	return code;
}

int err_set(struct err *err, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)err_vset(err, code, format, args);
	va_end(args);
	return code;
}

int err_set_code(struct err *err, int code, const char *format, ...)
{
	va_list args;
	size_t length;

	if (!err)
		return code;

	va_start(args, format);
	(void)err_vset(err, code, format, args);
	va_end(args);

	length = strlen(err->message);
	(void)snprintf(err->message + length, sizeof(err->message) - length,
	               ": %s", err_text(code));
	return code;
}

void err_wrap(struct err *err, const char *format, ...)
{
	char inner[ERR_MESSAGE_SIZE];
	size_t length;
	va_list args;

	if (!err)
		return;

	memcpy(inner, err->message, sizeof(inner));
	va_start(args, format);
	(void)err_vset(err, err->code, format, args);
	va_end(args);

	length = strlen(err->message);
	(void)snprintf(err->message + length, sizeof(err->message) - length,
	               ": %s", inner);
}

const char *err_text(int code)
{
	if (code >= 0)
		return "no error";
	/* libuv's own codes lie far below errno's; they are rare in text */
	if (code < -1000)
		return code == -4095 ? "end of stream" : "name lookup failed";
	return strerror(-code);
}
