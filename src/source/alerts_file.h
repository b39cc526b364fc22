/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts_file: what keeps the alerts that fire over our own end.
 *
 * In the directory: `alerts`, which holds all that fired at one moment, and
 * `alerts.0` and `alerts.1`, to one of which each message with news is
 * appended. When that one has grown, the other takes its place, all is written
 * anew, and it is emptied.
 *
 *     alerts    = all at a moment, fsynced and renamed      (io/atomic_file)
 *     alerts.N  = messages since, written and not fsynced   (io/append_file)
 *
 * Each is a row of records "NUMBER LENGTH\n", a document as the webhook brings
 * it, "\n". Reading stops at a record that is not whole: it was never
 * acknowledged. To read a message again changes nothing, so that records which
 * are in both do no harm.
 */
#pragma once

#include <uv.h>
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/slice.h"
#include "core/alert_table.h"
#include "io/append_file.h"

#define ALERTS_FILE_GROWN \
	(1u << 20)                    /* bytes appended, then anew; at least
                                          as many as all alerts have */
#define ALERTS_FILE_MAX  (256u << 20) /* bytes of one that are read */
#define ALERTS_FILE_WAIT (64u << 20)  /* bytes that may wait to be written */

struct alerts_file;
struct alerts_write;
struct log_file;

typedef void (*alerts_write_cb)(struct alerts_write *write);

struct alerts_write {
	struct err err; /* in the completion; code 0: kept */

	/* private below */
	struct alerts_file *file;
	struct log_file *log;
	struct append_write append;
	struct list node;
	alerts_write_cb done;
};

struct alerts_file_options {
	uv_loop_t *loop;
	const struct log *log;     /* borrowed; may be NULL */
	const char *dir;           /* copied */
	struct alert_table *table; /* borrowed until closed */
	struct am_reader *reader;  /* of it */
};

/*
 * alerts_file_open() - read what there is into the table; blocks
 *
 * What cannot be read is logged and left out, a damaged `alerts` is set aside.
 * 0 or -ENOMEM.
 */
int alerts_file_open(const struct alerts_file_options *options, uint64_t now_ms,
                     struct alerts_file **filep) MUST_CHECK;

/*
 * alerts_file_write() - keep a message that the table has taken in
 *
 * Returns 0 and later, from the loop and never before this returns, calls
 * @done exactly once: when it is written, or could not be. After a failure all
 * is written anew for those that come next, which also keeps what failed. On a
 * negative return @done is never called. @write is the caller's memory and
 * free again when @done has been entered.
 */
int alerts_file_write(struct alerts_file *file, struct slice message,
                      struct alerts_write *write,
                      alerts_write_cb done) MUST_CHECK;

/* The table has changed, and no message said so: all is written anew, soon. */
void alerts_file_renew(struct alerts_file *file);

/* The same, and until then nothing counts as kept. */
void alerts_file_doubt(struct alerts_file *file);

/* What the last write should have kept is not: also what is no news to the
 * table is to be written. */
bool alerts_file_is_failing(const struct alerts_file *file);
uint64_t alerts_file_n_failures(const struct alerts_file *file);

/* Ends what was begun. @closed is called once, from the loop, after the
 * completions of all writes. */
void alerts_file_close(struct alerts_file *file, void (*closed)(void *context),
                       void *context);
