/* SPDX-License-Identifier: Apache-2.0 */
/* figures: the registry in metrics and on the status page. */
#pragma once

#include "base/buf.h"

struct registry;

/* The samples of the family bouncer_registry_…; nothing of others. */
void registry_figures_sample(struct registry *registry, const char *family,
                             struct buf *out);
/* HTML: its shards and their servers. */
void registry_figures_page(struct registry *registry, struct buf *out);
