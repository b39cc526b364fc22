/* SPDX-License-Identifier: Apache-2.0 */
/*
 * problems: what is wrong with a configuration, all of it, with the place.
 *
 *     config.yml:12: monitors[2].max_age: "5 minutes" is not a duration; …
 *     BOUNCER_ADDR: "x" …
 *
 * Collected in any order, printed by line. A place is a chain on the stack,
 * so that saying where one is costs nothing as long as nothing is wrong.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/macros.h"
#include "base/slice.h"

#define PROBLEMS_MAX      1000 /* printed; the rest is only counted */
#define PROBLEM_MAX_TEXT  4096 /* bytes of one line */
#define PROBLEM_MAX_VALUE 64   /* bytes of a value that is quoted */

struct yaml_node;

/* `monitors[2].max_age` is { "max_age" } in { [2] } in { "monitors" } in the
 * root, which has the tree. */
struct place {
	const struct place *up; /* NULL: the root */
	const char *key;        /* NULL: the item `index` of a list */
	size_t index;
	const struct yaml_node *node; /* the value, the root's always; NULL:
	                                 is looked up in `up` when needed */
	uint32_t line;                /* 0: as above */
	const char *origin;           /* not in the file: "--addr" */
};

struct problem;

struct problems {
	const char *file; /* its name in the messages; borrowed */
	struct problem *items;
	size_t n;
	size_t cap;
	size_t n_dropped; /* beyond PROBLEMS_MAX */
	struct arena memory;
	int failed; /* 0, or -ENOMEM: some are lost */
};

void problems_init(struct problems *problems, const char *file);
void problems_fini(struct problems *problems);

/* Was anything reported? */
static inline bool problems_any(const struct problems *problems)
{
	return problems->n > 0 || problems->failed < 0;
}

/* Appends a line for each, in the order of the file; what came from elsewhere
 * (line 0) is first. Returns 0 or the buffer's failure. */
int problems_print(struct problems *problems, struct buf *out) MUST_CHECK;

/* Something about the file as a whole; @line 0: no line. */
void problem_file(struct problems *problems, uint32_t line, const char *format,
                  ...) PRINTF_LIKE(3, 4);

/* Something at a place. */
void problem_at(struct problems *problems, const struct place *place,
                const char *format, ...) PRINTF_LIKE(3, 4);

/* As above, and the message begins with the @value in quotes, made safe for
 * a terminal and cut where it is long. */
void problem_value(struct problems *problems, const struct place *place,
                   struct slice value, const char *format, ...)
	PRINTF_LIKE(4, 5);

/* Either of them: @value may be NULL. */
void problem_vat(struct problems *problems, const struct place *place,
                 const struct slice *value, const char *format, va_list args)
	PRINTF_LIKE(4, 0);

/* What stands at a place, NULL if nothing does: as it stands there, which may
 * be an alias; and what it stands for. */
const struct yaml_node *place_find(const struct place *place);
const struct yaml_node *place_node(const struct place *place);

/* Something stands there that was left out (check.h). */
bool place_left_out(const struct place *place);

/* As above of a list or section, and that was reported: an empty one is left
 * out without a word. */
bool place_reported(const struct place *place);
