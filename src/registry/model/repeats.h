/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repeats: is that the message that a group's last one was?
 *
 * The same (receiver, group, and of each alert fingerprint, status, start and
 * end) within REPEATS_MS, with no other of its group in between, is a request
 * that was made twice, or came from each of two Alertmanagers. Later it is a
 * reminder, as repeat_interval wants it.
 *
 * Pure; the clock is the caller's. Bounded: beyond REPEATS_MAX groups the
 * oldest are not known any more.
 */
#pragma once

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/sha256.h"
#include "proto/alertmanager.h"

#define REPEATS_MS  60000
#define REPEATS_MAX 10000

struct repeats {
	struct map by_key;
	struct list groups; /* the oldest first */
};

/* What a message is known by. */
struct repeats_print {
	struct buf key; /* a digest of its group's */
	uint8_t digest[SHA256_SIZE];
};

void repeats_init(struct repeats *repeats, uint64_t seed);
void repeats_fini(struct repeats *repeats);

/* 0 or -ENOMEM; repeats_print_fini() in any case. */
int repeats_print_make(struct repeats_print *print,
                       const struct am_message *message) MUST_CHECK;
void repeats_print_fini(struct repeats_print *print);

enum repeats_found {
	REPEATS_NEW,
	REPEATS_WRITING, /* the same, which is not on disk yet */
	REPEATS_KNOWN,   /* the same */
};
enum repeats_found repeats_find(struct repeats *repeats,
                                const struct repeats_print *print,
                                uint64_t now_ms);

/* It is the last of its group from now on, and being written. 0 or -ENOMEM. */
int repeats_note(struct repeats *repeats, const struct repeats_print *print,
                 uint64_t now_ms) MUST_CHECK;
/* What was noted is on disk; or could not be kept, and is new when it comes
 * again. */
void repeats_settle(struct repeats *repeats, const struct repeats_print *print,
                    bool kept, uint64_t now_ms);
