/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_promgen: what Promgen exports, as a portable document that knows only
 * a part of what it names (plan.h: `partial`).
 *
 * Targets and URLs (JSON), rules (YAML), or a dump of its API: an object with
 * "targets", "urls" (the documents), "rules" (the YAML, as a text) and "v2",
 * an object with the lists "services", "projects", "exporters", "farms" (each
 * with its "hosts"), "urls", "rules", "notifiers", "probes" and "shards" as
 * /rest/v2 has them. What v2 says counts more: it knows what is disabled, and
 * of rules the macro.
 *
 * What it says comes back as it was: __scheme__, __param_*, __shard,
 * __farm_source, scrape interval and timeout, labels of one's own (of the
 * exporter if all its targets have them, else of the hosts), several values of
 * a parameter, IPv6. Only of an exporter without any target the port is not
 * known, and it is left out.
 * https://github.com/line/promgen (render_config, render_urls, render_rules)
 */
#pragma once

#include "base/buf.h"
#include "registry/model/portable.h"

/*
 * import_promgen() - adds what is in @text
 * @shard: of all projects, whatever stands there; NULL
 * @notes: a line for each thing that is left out, and why; a last one says if
 *         there were more than it holds
 *
 * 0; -EINVAL with words; -ENOMEM, -E2BIG.
 */
int import_promgen(struct portable *portable, struct slice text,
                   const char *shard, struct buf *notes,
                   struct err *err) MUST_CHECK;
