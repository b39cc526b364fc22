/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push_path: the grouping key in the path of a push or a ping.
 * https://github.com/prometheus/pushgateway#url
 *
 *     /metrics/job/JOB{/LABEL/VALUE}     /metrics/job@base64/SU9C{/…}
 *     /ping/JOB{/LABEL/VALUE}{/start|/fail|/CODE}
 *
 * Any label's name may end in `@base64`: its value is then base64 in the
 * URL-safe alphabet, padding optional; `=` alone is the empty value. A label
 * that comes twice has its last value, but `job` keeps the first. A label with
 * an empty value is left out: it names the same group as its absence. In the
 * middle of a path (and anywhere in a ping's) an empty value must be written as
 * `LABEL@base64/=`: else it is a variable that somebody forgot to set.
 *
 * Works on the path as it was sent; percent escapes are decoded here, part by
 * part, so that an escaped slash is part of a value and splits nothing. What
 * is refused, and in which words, is that of the original where it has any.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "proto/label.h"

#define PUSH_PATH_MAX_LABELS 64

/* The group that a request is about. */
struct push_key {
	/* sorted by name, none empty, `job` among them; lie in `text` */
	struct label labels[PUSH_PATH_MAX_LABELS];
	size_t n_labels;
	struct buf text; /* private */
};

/* What a ping says of its job. */
enum ping_kind {
	PING_OK, /* also exit code 0 */
	PING_START,
	PING_FAIL, /* also every other exit code */
};

struct ping {
	enum ping_kind kind;
	int exit_code; /* 0 … 255; -1: none was given */
};

/* Cannot fail and allocates nothing. */
void push_key_init(struct push_key *key);
void push_key_fini(struct push_key *key); /* harmless on a zeroed one */

/*
 * push_path_parse() - the part of a path that follows "/metrics"
 *
 * Returns 0 with @key filled (what was in it before is gone; its memory is
 * used again), -ENOENT if this cannot be a grouping key at all (404),
 * -EINVAL if it is a bad one, with the words of the answer in @err (400), or
 * -ENOMEM.
 */
int push_path_parse(struct slice path, struct push_key *key,
                    struct err *err) MUST_CHECK;

/* The same for what follows "/ping". A job called `start`, `fail` or `7`
 * is written with a label after it, or as `/ping/job@base64/…`. */
int ping_path_parse(struct slice path, struct push_key *key, struct ping *ping,
                    struct err *err) MUST_CHECK;

/* From labels in any order, with the same rules; -EINVAL as above. For what
 * does not come as a path: snapshots, the command line. */
int push_key_set(struct push_key *key, const struct label *labels,
                 size_t n_labels, struct err *err) MUST_CHECK;

/* The value of a label, or a slice with p == NULL. */
struct slice push_key_label(const struct push_key *key, const char *name);
