/* SPDX-License-Identifier: Apache-2.0 */
/* server_figures: the Prometheus servers in metrics and on the status page. */
#pragma once

#include "base/buf.h"

struct registry;

/* The samples of the family bouncer_registry_server_…; nothing of others. */
void server_figures_sample(struct registry *registry, const char *family,
                           struct buf *out);
/* HTML: a table of them; nothing if there are none. */
void server_figures_page(struct registry *registry, struct buf *out);
