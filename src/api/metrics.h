/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics: the families that are our own, one row for each, sorted by name:
 * what has been pushed is merged into them. Private to src/api.
 */
#pragma once

#include <stddef.h>
#include "api/api.h"
#include "base/buf.h"
#include "core/push_store.h"
#include "proto/push_body.h"

/* One of the writers is set; each writes samples, and neither HELP nor TYPE. */
struct api_family {
	const char *name;
	enum metric_type type;
	const char *help;
	/* called for one monitor, one source, or once */
	void (*monitor)(const struct api *api, const struct monitor *monitor,
	                const char *family, struct buf *out);
	void (*source)(const struct group *group, const char *family,
	               struct buf *out);
	void (*daemon)(const struct api *api, const char *family,
	               struct buf *out);
	/* called for one engine, or one rule; not there without any */
	void (*engine)(const struct api *api, const struct api_engine *engine,
	               const char *family, struct buf *out);
	void (*rule)(const struct rule *rule, const char *family,
	             struct buf *out);
	/* called once; not there where no notices are sent */
	void (*notices)(const uint64_t *n, const char *family, struct buf *out);
	/* likewise; not there at all without the built-in gateway */
	void (*gateway)(const struct api *api, const char *family,
	                struct buf *out);
	/* likewise, without a monitor of alerts */
	void (*alerts)(const struct api *api, const char *family,
	               struct buf *out);
	/* likewise, without alerts.amx_metrics */
	void (*amx)(const struct api *api, const char *family, struct buf *out);
	/* likewise, without an extension, which writes them */
	bool extension;
};

const struct api_family *api_families(size_t *np);

/* The engine numbered @at; false: there are no more. */
bool api_engine_at(const struct api *api, uint32_t at,
                   struct api_engine *engine);

/* So that no push contradicts them. 0 or -ENOMEM. */
int api_reserve_families(struct push_store *store) MUST_CHECK;
