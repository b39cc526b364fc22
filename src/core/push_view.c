/* SPDX-License-Identifier: Apache-2.0 */
#include "core/push_store_parts.h"

#include <inttypes.h>

/* --- families of our own --------------------------------------------------------- */

static bool put_seconds(struct buf *out, uint64_t ms)
{
	(void)buf_printf(out, "%" PRIu64, ms / 1000);
	if (ms % 1000)
		(void)buf_printf(out, ".%03u", (unsigned)(ms % 1000));
	return true;
}

static uint64_t at_least_zero(int64_t ms)
{
	return ms > 0 ? (uint64_t)ms : 0;
}

static bool push_time(const struct push_group *state, struct buf *out)
{
	return put_seconds(out, at_least_zero(state->pushed.wall_ms));
}

static bool failure_time(const struct push_group *state, struct buf *out)
{
	return put_seconds(out, at_least_zero(state->failed_wall_ms));
}

static bool ping_running(const struct push_group *state, struct buf *out)
{
	return state->beat.n_beats > 0 &&
	       buf_putc(out, state->beat.running ? '1' : '0') == 0;
}

static bool ping_start(const struct push_group *state, struct buf *out)
{
	return state->beat.start.wall_ms > 0 &&
	       put_seconds(out, (uint64_t)state->beat.start.wall_ms);
}

static bool ping_duration(const struct push_group *state, struct buf *out)
{
	return state->beat.duration_ms > 0 &&
	       put_seconds(out, state->beat.duration_ms);
}

static bool ping_exit_code(const struct push_group *state, struct buf *out)
{
	return state->beat.n_beats > 0 && state->beat.exit_code >= 0 &&
	       buf_printf(out, "%d", state->beat.exit_code) == 0;
}

static bool has_beats(const struct push_group *state)
{
	return state->beat.n_beats > 0;
}

static bool has_start(const struct push_group *state)
{
	return state->beat.start.wall_ms > 0;
}

static bool has_duration(const struct push_group *state)
{
	return state->beat.duration_ms > 0;
}

static bool has_exit_code(const struct push_group *state)
{
	return state->beat.n_beats > 0 && state->beat.exit_code >= 0;
}

void own_families_count(struct push_store *store,
                        const struct store_group *group, int by)
{
	for (unsigned i = 0; i < OWN_FAMILY_PUSH; i++) {
		if (own_families[i].has(&group->shown))
			store->n_own[i] += (uint32_t)by;
	}
}

/* Sorted by name. */
const struct own_family own_families[N_OWN_FAMILIES] = {
	{ "ping_duration_seconds",
	  "How long the last run took that was pinged at its start and end.",
	  ping_duration, has_duration },
	{ "ping_exit_code", "Exit code that the last ping gave.",
	  ping_exit_code, has_exit_code },
	{ "ping_running", "1: a start was pinged, and no end yet.",
	  ping_running, has_beats },
	{ "ping_start_time_seconds", "Last Unix time when a start was pinged.",
	  ping_start, has_start },
	{ "push_failure_time_seconds",
	  "Last Unix time when changing this group in the Pushgateway failed.",
	  failure_time, NULL },
	{ "push_time_seconds",
	  "Last Unix time when changing this group in the Pushgateway "
	  "succeeded.",
	  push_time, NULL },
};

unsigned own_family_find(struct slice name)
{
	unsigned i = 0;

	if (name.n < 5 || name.p[0] != 'p')
		return N_OWN_FAMILIES;
	while (i < N_OWN_FAMILIES && !slice_is(name, own_families[i].name))
		i++;
	return i;
}

/* --- what a view sees ------------------------------------------------------------- */

struct view_walk view_walk_family(const struct push_view *view,
                                  const struct store_family *family,
                                  const struct store_group *from)
{
	struct view_walk walk = { .view = view };

	if (from) {
		struct push_metric *metric = metric_seek(family, from);

		walk.metric = metric ? &metric->node : NULL;
		walk.kept = kept_seek(&family->kept, from);
	} else {
		walk.metric = tree_first(&family->metrics);
		walk.kept = tree_first(&family->kept);
	}
	return walk;
}

static struct store_kept *kept_of(struct tree_node *node)
{
	return container_of(node, struct store_kept, node);
}

static void skip_unseen_kept(struct view_walk *walk)
{
	uint64_t version = walk->view->version;

	while (walk->kept && (kept_of(walk->kept)->born > version ||
	                      kept_of(walk->kept)->died <= version))
		walk->kept = tree_next(walk->kept);
}

static struct push_metric *metric_of(struct tree_node *node)
{
	return container_of(node, struct push_metric, node);
}

bool view_walk_next(struct view_walk *walk, struct view_item *item)
{
	struct push_metric *metric;
	struct store_kept *kept;

	while (walk->metric &&
	       metric_of(walk->metric)->chunk->version > walk->view->version)
		walk->metric = tree_next(walk->metric);
	skip_unseen_kept(walk);
	if (!walk->metric && !walk->kept)
		return false;
	metric = walk->metric ? metric_of(walk->metric) : NULL;
	kept = walk->kept ? kept_of(walk->kept) : NULL;
	if (metric && (!kept || compare_keys(metric->group, kept->group) < 0)) {
		*item = (struct view_item){
			metric->family, metric->group,
			metric->chunk,  metric->offset,
			metric->length, (enum metric_type)metric->family->type
		};
		walk->metric = tree_next(walk->metric);
	} else {
		*item = (struct view_item){
			kept->family,       kept->group,
			kept->lines.chunk,  kept->lines.offset,
			kept->lines.length, (enum metric_type)kept->lines.type
		};
		walk->kept = tree_next(walk->kept);
	}
	return true;
}

struct view_walk view_walk_groups(const struct push_view *view,
                                  const struct store_group *from)
{
	const struct push_store *store = view->store;
	struct view_walk walk = { .view = view };

	walk.metric = from ? tree_seek(&store->groups, from, compare_group_key)
	                   : tree_first(&store->groups);
	walk.kept = from ? kept_seek(&store->states, from)
	                 : tree_first(&store->states);
	return walk;
}

static struct store_group *group_of_node(struct tree_node *node)
{
	return container_of(node, struct store_group, node);
}

bool view_walk_next_group(struct view_walk *walk, struct store_group **groupp,
                          const struct push_group **statep)
{
	struct store_group *group;
	struct store_kept *kept;

	while (walk->metric &&
	       group_of_node(walk->metric)->version > walk->view->version)
		walk->metric = tree_next(walk->metric);
	skip_unseen_kept(walk);
	if (!walk->metric && !walk->kept)
		return false;
	group = walk->metric ? group_of_node(walk->metric) : NULL;
	kept = walk->kept ? kept_of(walk->kept) : NULL;
	if (group && (!kept || compare_keys(group, kept->group) < 0)) {
		*groupp = group;
		*statep = &group->shown;
		walk->metric = tree_next(walk->metric);
	} else {
		*groupp = kept->group;
		*statep = &kept->state;
		walk->kept = tree_next(walk->kept);
	}
	return true;
}

void view_set_group(struct push_view *view, struct store_group *group,
                    uint32_t offset)
{
	if (group)
		group->refs++;
	group_unref(view->group);
	view->group = group;
	view->offset = offset;
}

/* --- family by family --------------------------------------------------------------- */

/* The stored family that comes next, with what it is for this view. */
static struct store_family *next_stored(const struct push_view *view,
                                        struct view_item *item)
{
	struct tree_node *node = view->family
	                                 ? tree_next(&view->family->node)
	                                 : tree_first(&view->store->families);

	for (; node; node = tree_next(node)) {
		struct store_family *family =
			container_of(node, struct store_family, node);
		struct view_walk walk = view_walk_family(view, family, NULL);

		if (view_walk_next(&walk, item))
			return family;
	}
	return NULL;
}

/* In O(what has changed since the views began), not of all groups: so of one
 * of heartbeats that came to be after the view it says that it has some. */
static bool own_has_samples(const struct push_view *view, unsigned own)
{
	const struct push_store *store = view->store;
	struct view_walk walk = view_walk_groups(view, NULL);
	struct store_group *group;
	const struct push_group *state;

	if (own >= OWN_FAMILY_PUSH)
		return view_walk_next_group(&walk, &group, &state);
	if (store->n_own[own] > 0)
		return true;
	walk.metric = NULL; /* no live group has any */
	while (view_walk_next_group(&walk, &group, &state)) {
		if (own_families[own].has(state))
			return true;
	}
	return false;
}

static bool next_own(struct push_view *view, const struct store_family *before,
                     struct push_view_family *family)
{
	while (view->n_own < N_OWN_FAMILIES) {
		const struct own_family *own = &own_families[view->n_own];
		struct slice name = slice_from(own->name);

		if (before && slice_compare(name, before->name) > 0)
			return false;
		view->n_own++;
		if (!own_has_samples(view, view->n_own - 1))
			continue;
		*family =
			(struct push_view_family){ name, slice_from(own->help),
			                           METRIC_GAUGE };
		return true;
	}
	return false;
}

bool push_view_next(struct push_view *view, struct push_view_family *family)
{
	struct view_item item;
	struct store_family *stored;

	view_set_group(view, NULL, 0);
	if (view->at_end)
		return false;
	stored = next_stored(view, &item);
	view->at_own = next_own(view, stored, family);
	if (view->at_own)
		return true;
	if (!stored) {
		view->at_end = true;
		return false;
	}
	stored->refs++;
	family_unref(view->store, view->family);
	view->family = stored;
	*family = (struct push_view_family){ stored->name,
		                             stored->help.p ? stored->help
		                                            : slice_make("", 0),
		                             item.type };
	return true;
}

/* --- lines ----------------------------------------------------------------------------- */

static bool write_own(struct push_view *view, struct buf *out, size_t budget)
{
	const struct own_family *own = &own_families[view->n_own - 1];
	struct view_walk walk = view_walk_groups(view, view->group);
	struct slice name = slice_from(own->name);
	struct store_group *group;
	const struct push_group *state;
	size_t work = 0; /* groups without a sample are work, too */

	while (view_walk_next_group(&walk, &group, &state)) {
		size_t start = out->n;

		if (out->failed)
			return true;
		if (out->n + work >= budget) {
			view_set_group(view, group, 0);
			return false;
		}
		(void)buf_append(out, name.p, name.n);
		(void)buf_append(out, group->whole.p, group->whole.n);
		if (own->value(state, out)) {
			(void)buf_putc(out, '\n');
		} else {
			out->n = start;
			work += 16;
		}
	}
	return true;
}

static bool write_stored(struct push_view *view, struct buf *out, size_t budget)
{
	struct view_walk walk =
		view_walk_family(view, view->family, view->group);
	uint32_t offset = view->offset;
	struct view_item item;

	while (view_walk_next(&walk, &item)) {
		struct slice lines =
			slice_make(item.chunk->text + item.offset, item.length);

		for (lines = slice_skip(lines, offset); lines.n > 0;) {
			if (out->failed)
				return true;
			if (out->n >= budget) {
				view_set_group(view, item.group,
				               item.length - (uint32_t)lines.n);
				return false;
			}
			line_write(out, view->family->name, item.group, &lines);
		}
		offset = 0;
	}
	return true;
}

bool push_view_write(struct push_view *view, struct buf *out, size_t budget)
{
	if (view->at_end)
		return true;
	if (view->at_own)
		return write_own(view, out, budget);
	return view->family ? write_stored(view, out, budget) : true;
}
