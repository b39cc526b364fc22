/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step_text: what the step of a bounce says, with the facts filled in: its
 * arguments, its message, the environment of its command; and by what it is
 * known to be the same again. Private to src/action.
 */
#pragma once

#include "action/bounce.h"
#include "base/sha256.h"

/* The facts as they are told to the bounce, or what is known without them. */
struct notice step_notice(const struct bounce *bounce);

/* Fills in the templates of the step, into bounce->line and bounce->message.
 * 0, or a negative code with words in @err; then nothing is filled in. */
int step_text_fill(struct bounce *bounce, struct err *err) MUST_CHECK;
void step_text_fini(struct bounce *bounce);

/* Of exec and run; borrowed from the bounce. */
const char *const *step_argv(const struct bounce *bounce);

/* The command as people would read it, if it was filled in; bounded. */
void step_text_show(const struct bounce *bounce, struct buf *out);

/*
 * step_env_fill() - the variables of a command of the host
 *
 * BOUNCER_…, those of each label and annotation, and bounce->env. In one block
 * of memory, which is bounce->env_memory. 0 or -ENOMEM. What is beyond
 * BOUNCE_ENV_MAX bytes is left out.
 */
int step_env_fill(struct bounce *bounce, const char *const **envp) MUST_CHECK;

/* The same rule, kind, target, arguments or address, with the same values, have the
 * same digest. 0 or -ENOMEM. */
int step_digest(const struct bounce *bounce,
                uint8_t digest[SHA256_SIZE]) MUST_CHECK;
