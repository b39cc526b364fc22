/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table: rows of text under a head, aligned by what a terminal shows, not by
 * bytes. What comes from outside cannot move the cursor. If the table is wider
 * than the terminal, the columns that may be cut are, the widest first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "base/buf.h"
#include "base/slice.h"

#define TABLE_MAX_COLUMNS 9
#define TABLE_MAX_BYTES   (64 << 20) /* of all cells */
#define TABLE_MIN_WIDTH   8          /* of a column that is cut */

enum table_style {
	TABLE_PLAIN,
	TABLE_GOOD,
	TABLE_WARN,
	TABLE_BAD,
	TABLE_DIM,
	TABLE_HEAD,
};

struct table_column {
	const char *title;
	bool cut; /* may be, if the terminal is narrow */
};

/* A terminal, or something that is none. */
struct screen {
	unsigned width;  /* columns; 0: nothing is cut */
	unsigned height; /* lines; 0: any number */
	bool colour;
	bool terminal;
};

struct table {
	const struct table_column *columns; /* borrowed */
	size_t n_columns;
	size_t n_cells;
	struct buf text; /* cells: a style, a text without NUL, a NUL */
};

/* @no_colour: of the environment; NULL or "": colours on a terminal. */
void screen_look(struct screen *screen, FILE *out, const char *no_colour,
                 const char *term);

/* Columns that @text takes on a terminal; well-formed UTF-8 is expected. */
size_t text_width(struct slice text);

/* Cannot fail and allocates nothing. */
void table_init(struct table *table, const struct table_column *columns,
                size_t n_columns);
void table_fini(struct table *table);

/* The next cell, row by row. Lost memory is told by table_write(). */
void table_add(struct table *table, enum table_style style, const char *text);

/* Appends the table; at most @max_rows rows (0: all), and then how many there
 * are more. 0 or the failure of a buffer. */
int table_write(const struct table *table, const struct screen *screen,
                size_t max_rows, struct buf *out);

/* Appends @text, coloured if the screen is. */
void screen_write(const struct screen *screen, struct buf *out,
                  enum table_style style, struct slice text);
