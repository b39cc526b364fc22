/* SPDX-License-Identifier: Apache-2.0 */
/*
 * macros: the few that the whole tree shares. Nothing here changes the flow
 * of control.
 */
#pragma once

#include <stddef.h>
#include <sys/param.h> /* MIN, MAX */

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(string, first) \
	__attribute__((format(printf, string, first)))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* The object of which `pointer` is the member `member`. */
#define container_of(pointer, type, member) \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))
