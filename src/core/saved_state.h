/* SPDX-License-Identifier: Apache-2.0 */
/*
 * saved_state: what must survive our own restart, as one JSON document: the
 * bounces, waits and surrenders of each monitor, what operators have paused,
 * and the targets that we stopped and have yet to bring back.
 *
 * Beside the document there is a record of what began since it was written: a
 * line for each step, numbered, a small document of the same kind. The document
 * says how many it knows; what it does not know yet is added to it. A line that
 * is cut short, as the last may be, or makes no sense is passed over.
 *
 * Pure: text in, text out. Times are Unix milliseconds in the document and
 * are turned into monotonic ones by the caller's offset; what lies in the
 * future (the clock was set back) is not believed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/json_writer.h"
#include "base/macros.h"
#include "base/slice.h"
#include "core/pause.h"
#include "core/policy.h"

#define SAVED_STATE_MAX   (64u << 20) /* bytes of a document */
#define SAVED_STOPPED_MAX 10000       /* targets in it */
#define SAVED_BEGUN_MAX   (4u << 20)  /* bytes of a record that is read */

/* A target that is down because of us. */
struct saved_stopped {
	const char *runtime; /* "docker" */
	const char *target;
	const char *project; /* "" if none */
	int64_t since_wall_ms;
};

struct saved_state;

/*
 * Writing: begin, every monitor, then every stopped target, end. Failures
 * stay in the buffer's `failed`. A pause may be NULL: there is none.
 */
struct saved_writer {
	struct json_writer json;
	int64_t wall_offset_ms; /* wall minus monotonic time */
	bool in_stopped;
};

/* @n_begun: the number of the last line of the record that it knows. */
void saved_write_begin(struct saved_writer *writer, struct buf *buf,
                       int64_t wall_offset_ms, uint64_t n_begun,
                       const struct pause *all);
/* A line of the record instead: @n_begun is its own number, from 1. */
void saved_write_begun(struct saved_writer *writer, struct buf *buf,
                       int64_t wall_offset_ms, uint64_t n_begun);
void saved_write_monitor(struct saved_writer *writer, const char *name,
                         const struct policy_saved *saved,
                         int64_t bounce_wall_ms, const struct pause *pause);
void saved_write_stopped(struct saved_writer *writer,
                         const struct saved_stopped *stopped);
void saved_write_end(struct saved_writer *writer);

/*
 * saved_state_parse() - read a document
 *
 * Returns 0 with *statep set (saved_state_free()), -EINVAL when it is damaged
 * or not ours, with the reason, or -ENOMEM.
 */
int saved_state_parse(struct slice text, struct saved_state **statep,
                      struct err *err) MUST_CHECK;
void saved_state_free(struct saved_state *state); /* NULL is fine */

/*
 * saved_state_add_begun() - what the record says beyond the document
 * @statep: made if there is none
 *
 * Returns the number of lines that were added, or -ENOMEM.
 */
int saved_state_add_begun(struct saved_state **statep,
                          struct slice record) MUST_CHECK;

/* The number of the last line that it knows now. */
uint64_t saved_state_n_begun(const struct saved_state *state);

/* Fills @saved with the monitor's past in monotonic time; false if nothing is
 * known of it. @bounce_wall_msp: its last bounce, 0 if none. */
bool saved_state_monitor(const struct saved_state *state, const char *name,
                         int64_t now_wall_ms, int64_t wall_offset_ms,
                         struct policy_saved *saved, int64_t *bounce_wall_msp);

/* The names of all that have a past, for who does not know them beforehand; ""
 * if there is none. Borrowed until saved_state_free(). */
size_t saved_state_n_monitors(const struct saved_state *state);
const char *saved_state_name(const struct saved_state *state, size_t at);

/*
 * saved_state_pause() - what an operator paused
 * @name: of a monitor; NULL: the pause of all
 *
 * Returns 1 with *pausep set (mem_free()), 0 if there was none or it is over,
 * or -ENOMEM.
 */
int saved_state_pause(const struct saved_state *state, const char *name,
                      int64_t now_wall_ms, int64_t wall_offset_ms,
                      struct pause **pausep) MUST_CHECK;

/* The stopped targets; borrowed until saved_state_free(). */
size_t saved_state_n_stopped(const struct saved_state *state);
struct saved_stopped saved_state_stopped(const struct saved_state *state,
                                         size_t at);
