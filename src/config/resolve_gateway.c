/* SPDX-License-Identifier: Apache-2.0 */
#include "config/resolve.h"

#include <errno.h>

#define MINUTE_MS UINT64_C(60000)

static const struct config_gateway defaults = {
	.snapshot_interval_ms = MINUTE_MS,
	.max_body = 16u << 20,
};

/* --- time to live --------------------------------------------------------- */

static void read_ttl(struct resolve *resolve, const struct raw_ttl *raw,
                     const struct place *place, bool last,
                     struct config_ttl *ttl)
{
	struct reader reader = { .problems = resolve->problems,
		                 .place = place };
	struct place labels = reader_place(&reader, "labels");

	if (read_required(&reader, "ttl", raw->ttl))
		(void)read_duration(&reader, "ttl", raw->ttl, 0, &ttl->ttl_ms);
	if (place_find(&labels))
		resolve_label_list(resolve, &labels, &ttl->labels,
		                   &ttl->n_labels);
	else if (!last)
		problem_at(resolve->problems, place,
		           "has no labels and matches every group, so that the "
		           "rules after it have no effect; put it last");
}

static void read_ttl_rules(struct resolve *resolve,
                           const struct raw_gateway *raw,
                           const struct place *section)
{
	struct place list = { .up = section, .key = "ttl" };
	struct config_ttl *rules;

	if (raw->n_ttl == 0)
		return;
	rules = arena_calloc(resolve->memory, raw->n_ttl, sizeof(*rules));
	if (!rules) {
		resolve->failed = -ENOMEM;
		return;
	}
	list.node = place_node(&list);
	for (size_t i = 0; i < raw->n_ttl && resolve->failed == 0; i++) {
		struct place place = { .up = &list, .index = i };

		if (place_left_out(&place))
			continue;
		place.node = place_node(&place);
		read_ttl(resolve, &raw->ttl[i], &place, i + 1 == raw->n_ttl,
		         &rules[i]);
	}
	resolve->gateway.ttl = rules;
	resolve->gateway.n_ttl = raw->n_ttl;
}

/* --- the section ----------------------------------------------------------- */

void resolve_gateway(struct resolve *resolve, const struct raw_gateway *raw)
{
	struct config_gateway *gateway = &resolve->gateway;
	struct place place = { .up = &resolve->root, .key = "gateway" };
	struct reader reader = { .problems = resolve->problems,
		                 .place = &place };
	const char *push_gw = resolve->global.push_gw;
	bool enabled =
		gateway->enabled || (push_gw && config_is_builtin(push_gw));

	*gateway = defaults;
	gateway->enabled = enabled;
	if (place_find(&place) && !enabled)
		problem_at(resolve->problems, &place,
		           "has no effect unless push_gw is builtin, in global "
		           "or of a monitor");
	(void)read_duration(&reader, "snapshot_interval",
	                    raw->snapshot_interval, 0,
	                    &gateway->snapshot_interval_ms);
	(void)read_size(&reader, "max_body", raw->max_body, 1u << 10, 1u << 30,
	                &gateway->max_body);
	(void)read_size(&reader, "max_group_size", raw->max_group_size, 0,
	                1u << 30, &gateway->max_group_size);
	(void)read_number(&reader, "max_series", raw->max_series, 0, UINT32_MAX,
	                  &gateway->max_series);
	(void)read_number(&reader, "max_groups", raw->max_groups, 0, UINT32_MAX,
	                  &gateway->max_groups);
	(void)read_bool(&reader, "admin_api", raw->admin_api,
	                &gateway->admin_api);
	gateway->token_file =
		resolve_file(resolve, &reader, "token_file", raw->token_file);
	gateway->basic_auth_file = resolve_file(
		resolve, &reader, "basic_auth_file", raw->basic_auth_file);
	read_ttl_rules(resolve, raw, &place);
}
