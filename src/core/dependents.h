/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dependents: who has to be restarted after a container was. Pure: a graph
 * made from what a table of containers says.
 *
 * A container depends on another if it
 *   - shares a namespace of it (`network_mode: container:X`, pid, ipc): when X
 *     restarts, the namespace that it holds is dead;
 *   - says so to compose with `restart: true`: its label
 *     com.docker.compose.depends_on has "service:condition:true";
 *   - names it in a label ("bouncer.depends_on": names, separated by commas).
 *
 * https://docs.docker.com/reference/compose-file/services/#depends_on
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "core/container.h"

#define DEPENDENTS_MAX 256 /* of one restart */

enum dependents_reason {
	DEPENDENTS_NAMESPACE, /* of a container that is there */
	DEPENDENTS_COMPOSE,
	DEPENDENTS_LABEL,
	DEPENDENTS_RECREATE, /* it points at an id that is no more: no restart
	                        helps, it must be made anew */
};

struct dependent {
	const struct container *container;
	enum dependents_reason reason;
	uint32_t depth; /* 1: depends on the one that was restarted */
};

/*
 * dependents_of() - in the order in which they are to be restarted
 * @containers: all that are known at that engine
 * @id, @name: the one that was restarted
 * @label: of the third kind; NULL: none
 * @out: room for @max
 *
 * Each once, cycles are cut. Only those that run are named, and those of
 * DEPENDENTS_RECREATE; nobody who has opted out. Returns how many; @max if there may be more.
 */
size_t dependents_of(const struct container *const *containers,
                     size_t n_containers, const char *id, const char *name,
                     const char *label, struct dependent *out, size_t max);

/*
 * dependents_gone() - whose namespace does it hold that is not among these any
 * more? No restart helps it: it must be made anew.
 *
 * Returns the id or name by which it refers to that one, borrowed; NULL: there
 * is none.
 */
const char *dependents_gone(const struct container *const *containers,
                            size_t n_containers,
                            const struct container *container);
