/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step_kinds: what each kind of step needs, and how it begins. Private to
 * src/action. A new kind is a new row here and a name in core/step.
 */
#pragma once

#include "action/bounce.h"

struct step_action {
	bool looks;    /* inspect the target first */
	bool running;  /* of no use on a target that is not running */
	bool promises; /* may leave it stopped against our will */
	bool on_disk;  /* may take the machine down: that it begins, is on
	                  disk before */
	/* As a runtime operation: negative, or @done later. */
	int (*begin)(struct bounce *bounce, runtime_done_cb done);
};

const struct step_action *step_action_of(enum step_kind kind);

/* What is under way for the bounce is to end soon. */
void step_cancel(struct bounce *bounce);

/* The command that may veto it, as a step of its own: as begin. */
int step_begin_before(struct bounce *bounce, runtime_done_cb done) MUST_CHECK;

/* In a dry run: what it would do, into bounce->detail. */
void step_say(struct bounce *bounce);
