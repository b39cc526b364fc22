/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selector: which containers a rule covers. Immutable; the memory is the
 * configuration's.
 *
 * All kinds of conditions that are given must hold; of one kind one of its
 * patterns is enough, but for labels, which must all be there. A pattern is
 * text in which `*` stands for any run of characters and `?` for one. Who is
 * selected may still be left out: by `exclude`, by the opt-out label, or
 * because it is one of those that are left alone unless the rule says so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "core/container.h"

#define SELECTOR_MAX 64 /* patterns of one kind */

/* Left alone unless included; a set of bits. */
enum selector_include {
	SELECTOR_SELF = 1 << 0,        /* the bouncer's own container */
	SELECTOR_SWARM = 1 << 1,       /* tasks of a swarm */
	SELECTOR_AUTO_REMOVE = 1 << 2, /* those that go when they end */
	SELECTOR_OWN_ACTION = 1 << 3,  /* their engine acts on their health */
};

/* A label: there (value NULL), or with a value that the pattern matches. With
 * `truth` the value must be a true one: 1, true, yes or on, in any case. */
struct selector_label {
	const char *name;
	const char *value;
	bool truth;
};

struct selector_patterns {
	const char *const *patterns;
	size_t n;
};

struct selector_conditions {
	const struct selector_label *labels;
	size_t n_labels;
	struct selector_patterns names;    /* of the container */
	struct selector_patterns prefixes; /* of its name, plain text */
	struct selector_patterns images;
	struct selector_patterns
		projects; /* of compose; of LXD, Incus theirs */
	struct selector_patterns services; /* of compose */
};

struct selector {
	struct selector_conditions select;   /* none at all: every container */
	struct selector_conditions exclude;  /* none at all: excludes nobody */
	const struct selector_label *any_of; /* one of them is enough; besides
	                                        `select`; NULL: no such demand */
	size_t n_any_of;
	const char *opt_out; /* a label: with a true value it is left out. If
	                        its name ends in "=false" it is the other way
	                        round: a false value leaves it out. Several
	                        have commas between them. NULL: none */
	unsigned include;    /* enum selector_include */
};

/*
 * selector_match() - does the rule cover this container?
 * @self_id: the id of the bouncer's own container, "" if it is in none
 *
 * Returns NULL if it does, else why not, in words ("opted out by its label
 * bouncer.ignore"): static, or of the selector.
 */
const char *selector_match(const struct selector *selector,
                           const struct container *container,
                           const char *self_id);

/* Of two ids either may be the short one, of twelve digits. "" is nobody's. */
bool selector_same_id(const char *a, const char *b);

/* Does its label say that it is to be left out? */
bool selector_opts_out(const struct selector *selector,
                       const struct container *container);

/* 1: true; 0: false; -1: neither. "1", "true", "yes", "on", "y", "t" and
 * their opposites, in any case, white space around them ignored. */
int selector_bool(const char *text);

/* Does @pattern match the whole of @text? */
bool selector_glob(const char *pattern, const char *text);

/* Two rules select the same. */
bool selector_equal(const struct selector *a, const struct selector *b);
