/* SPDX-License-Identifier: Apache-2.0 */
/* config_kit: configurations that are good, and how to load one. */
#pragma once

#include "config/config.h"

/* What users of the original tool have; and every key there is. */
extern const char config_seed[];
extern const char config_full[];

/* One monitor, for what stands in `global` before it. */
#define REST                                                                  \
	"monitors: [{name: a, max_age: 5m, type: docker, container_name: c, " \
	"labels: {job: a}, restart_type: container}]\n"

/* Fails the test, saying why, if the text is not good. */
struct config *config_kit_load(const char *text);
struct config *config_kit_load_with(const char *text,
                                    const struct config_override *overrides,
                                    size_t n);

/* --- of one monitor -------------------------------------------------------- */

/* @monitor is "{name: …" without the brace at its end; @before stands in the
 * lines before it, "" or ended by a newline. */
struct config *config_kit_load_monitor(const char *before, const char *monitor);

/* Loading it says one thing: @problem begins behind "monitors[0]", or has an
 * index of its own, "[1].name: …"; one that begins with a letter is of another
 * section. */
void config_kit_refuses(const char *before, const char *monitor,
                        const char *problem);

/* A reload tells each of these from all the others, and knows each again. */
void config_kit_all_differ(const char *before, const char *const *monitors,
                           size_t n);
