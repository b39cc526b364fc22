/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push_snapshot: the built-in gateway's store as a text that can be read back
 * after a restart, by us and, being the text exposition format, by everybody.
 *
 *     # bouncer snapshot 1 TIME
 *     # group 1 pushed=… failed=… away=… ok=1 … {instance="",job="backup"}
 *     # group 2 …
 *     # HELP …
 *     # TYPE …
 *     # of 1 TIME
 *     lines of the family in group 1
 *     # of 2 TIME
 *     …
 *     # end CHECKSUM
 *
 * Written in slices from a view, read as a whole; a text that was cut short or
 * changed is told by its end. Times are Unix milliseconds.
 */
#pragma once

#include "core/push_store.h"

struct push_snapshot_writer;

/* Takes a view of its own, beyond PUSH_STORE_MAX_VIEWS. NULL if out of memory. */
struct push_snapshot_writer *push_snapshot_writer_new(
	struct push_store *store, int64_t now_wall_ms) MUST_CHECK;
void push_snapshot_writer_free(struct push_snapshot_writer *writer);
/* Appends some more until @out has about @budget bytes; true with the end, or
 * when @out has failed. */
bool push_snapshot_write(struct push_snapshot_writer *writer, struct buf *out,
                         size_t budget);

/*
 * push_snapshot_read() - into an empty store
 *
 * The time between the snapshot and @now, in which nobody was there to hear a
 * push, is added to each group's away_ms; a snapshot from the future (the clock
 * was set back) adds nothing, and its times are not believed beyond @now.
 * Limits do not count, and the store's listener is not told.
 * Returns 0, -EINVAL with words if it is damaged or not ours (the store is
 * empty then), or -ENOMEM.
 */
int push_snapshot_read(struct push_store *store, struct slice text,
                       struct push_time now, struct err *err) MUST_CHECK;
