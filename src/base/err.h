/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err: why something failed, in words for the operator, without allocating.
 *
 * Two classes of result are used everywhere. A negative int is a failure,
 * a libuv or errno code (-ENOMEM, UV_ETIMEDOUT are the same numbers), and is
 * passed up unchanged. A positive int is a named outcome of one function and
 * is handled by its direct caller. Where words help, the last parameter is a
 * `struct err *`; it may be NULL, and each level prefixes what it knows with
 * err_wrap() while unwinding. It is logged once, where it is handled.
 */
#pragma once

#include <stdarg.h>
#include "base/macros.h"

#define ERR_MESSAGE_SIZE 256

struct err {
	int code;                       /* 0, or a negative errno */
	char message[ERR_MESSAGE_SIZE]; /* truncated at the end if too long */
};

/* Clears @err; harmless on NULL. */
void err_clear(struct err *err);

/* Records @code (negative) and the words; returns @code for `return`. */
int err_set(struct err *err, int code, const char *format, ...)
	PRINTF_LIKE(3, 4);
int err_vset(struct err *err, int code, const char *format, va_list args)
	PRINTF_LIKE(3, 0);

/* As err_set(), with ": " and the system's text for @code at the end. */
int err_set_code(struct err *err, int code, const char *format, ...)
	PRINTF_LIKE(3, 4);

/* Puts "words: " before the present message; harmless on NULL, which is why it
 * has no result: what is returned is the caller's own. */
void err_wrap(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* The system's text for a negative errno; never NULL. */
const char *err_text(int code);
