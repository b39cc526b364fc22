/* SPDX-License-Identifier: Apache-2.0 */
/* push_view: all that is stored, as it was when the view began; and the store
 * against a simple model of it. */
#include "support/cmocka.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include "base/mem.h"
#include "base/rng.h"
#include "core/push_store_parts.h"
#include "push_kit.h"

#define A "{instance=\"\",job=\"a\"} "
#define B "{instance=\"\",job=\"b\"} "
#define C "{instance=\"\",job=\"c\"} "

static struct push_store *new_store(void)
{
	struct push_store *store = push_store_new(7, NULL, NULL);

	assert_non_null(store);
	return store;
}

static void expect_rest(struct push_view *view, const char *expected)
{
	char *text = kit_rest(view, 1, false);

	assert_string_equal(text, expected);
	mem_free(text);
	push_view_free(view);
}

/* --- what changes behind a view ------------------------------------------------ */

static void test_isolation(void **state)
{
	struct push_store *store = new_store();
	struct push_view *early;
	struct push_view *late;

	kit_put(store, "/job/b", "# TYPE x gauge\nx 1\ny 1\n");
	kit_put(store, "/job/c", "");
	early = push_view_new(store);
	kit_put(store, "/job/b", "# TYPE x counter\nx 2\nw 2\n");
	kit_put(store, "/job/a", "z 2\n");
	late = push_view_new(store);
	assert_true(kit_delete(store, "/job/b"));
	kit_post(store, "/job/a", "z 3\ny 3\n");
	kit_put(store, "/job/b", "z 4\n");
	expect_rest(late, "# TYPE w untyped\nw" B "2\n# TYPE x counter\nx" B
	                  "2\n# TYPE z untyped\nz" A "2\n");
	push_store_wipe(store);
	expect_rest(early,
	            "# TYPE x gauge\nx" B "1\n# TYPE y untyped\ny" B "1\n");
	kit_expect(store, "");
	assert_true(list_empty(&store->orphans));
	push_store_free(store);
}

static void test_change_in_the_middle(void **state)
{
	struct push_store *store = new_store();
	struct push_view_family family;
	struct push_view *view;
	struct buf out;

	kit_put(store, "/job/a", "x 1\nx{l=\"1\"} 2\n");
	kit_put(store, "/job/b", "x 3\n");
	kit_put(store, "/job/c", "x 4\n");
	view = push_view_new(store);
	buf_init(&out, 1000);
	assert_true(push_view_next(view, &family));
	if (slice_starts(family.name, "push_"))
		assert_true(push_view_next(view, &family));
	while (!slice_is(family.name, "x"))
		assert_true(push_view_next(view, &family));
	assert_false(push_view_write(view, &out, 1));
	assert_string_equal(buf_text(&out), "x" A "1\n");
	/* where it stands goes; what it has seen comes again; what is new */
	assert_true(kit_delete(store, "/job/a"));
	kit_put(store, "/job/a", "x 9\n");
	kit_put(store, "/job/a/l/1", "x 9\n");
	assert_true(kit_delete(store, "/job/b"));
	kit_post(store, "/job/c", "v 1\nxx 1\n");
	assert_false(push_view_write(view, &out, out.n + 1));
	assert_false(push_view_write(view, &out, out.n + 1));
	assert_true(push_view_write(view, &out, SIZE_MAX));
	assert_string_equal(buf_text(&out),
	                    "x" A "1\nx{instance=\"\",job=\"a\",l=\"1\"} 2\nx" B
	                    "3\nx" C "4\n");
	assert_false(push_view_next(view, &family));
	assert_true(push_view_write(view, &out, SIZE_MAX));
	push_view_free(view);
	buf_fini(&out);
	push_store_free(store);
}

static size_t n_kept(const struct push_store *store)
{
	size_t n = 0;

	LIST_FOR_EACH (node, &store->views) {
		struct push_view *view =
			container_of(node, struct push_view, node);

		LIST_FOR_EACH (kept, &view->kept)
			n++;
	}
	LIST_FOR_EACH (kept, &store->orphans)
		n++;
	return n;
}

/* A view that never ends keeps what it sees, not what comes and goes. */
static void test_endless_view(void **state)
{
	struct push_store *store = new_store();
	struct push_view *endless;

	kit_put(store, "/job/a", "x 1\ny 1\n");
	endless = push_view_new(store);
	for (int i = 0; i < 1000; i++) {
		struct push_view *view;

		kit_put(store, "/job/a", "x 2\ny 1\n");
		view = push_view_new(store);
		kit_put(store, "/job/a", "x 3\nz 1\n");
		push_view_free(view);
		assert_true(n_kept(store) <= 16);
	}
	expect_rest(endless,
	            "# TYPE x untyped\nx" A "1\n# TYPE y untyped\ny" A "1\n");
	assert_int_equal(n_kept(store), 0);
	push_store_free(store);
}

static void test_too_many_views(void **state)
{
	struct push_store *store = new_store();
	struct push_view *views[PUSH_STORE_MAX_VIEWS];

	for (size_t i = 0; i < ARRAY_SIZE(views); i++) {
		views[i] = push_view_new(store);
		assert_non_null(views[i]);
	}
	assert_null(push_view_new(store));
	for (size_t i = 0; i < ARRAY_SIZE(views); i++)
		push_view_free(views[i]);
	push_view_free(NULL);
	push_store_free(store);
}

/* --- JSON ------------------------------------------------------------------------- */

static const char json_body[] =
	"# HELP x hx\n# TYPE x counter\nx{a=\"\\\"1\",instance=\"q\"} 17\nx 2\n"
	"# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 3\ns_count 4\n"
	"# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\n"
	"h_sum 3\nh_count 2\nh_sum{l=\"2\"} 9\n"
	"u NaN\n";

/* As the original gives it, but for the times. */
static const char json_expected[] =
	"{'labels':{'foo':'bar','job':'a'},'last_push_successful':true,"
	"'h':{'time_stamp':'1970-01-01T00:00:05.000Z','type':'HISTOGRAM',"
	"'metrics':[{'labels':{'foo':'bar','instance':'','job':'a'},"
	"'buckets':{'1':'1','+Inf':'2'},'count':'2','sum':'3'},"
	"{'labels':{'foo':'bar','instance':'','job':'a','l':'2'},"
	"'buckets':{},'count':'0','sum':'9'}]},"
	"'s':{'time_stamp':'1970-01-01T00:00:05.000Z','type':'SUMMARY',"
	"'metrics':[{'labels':{'foo':'bar','instance':'','job':'a'},"
	"'quantiles':{'0.5':'1'},'count':'4','sum':'3'}]},"
	"'u':{'time_stamp':'1970-01-01T00:00:05.000Z','type':'UNTYPED',"
	"'metrics':[{'labels':{'foo':'bar','instance':'','job':'a'},"
	"'value':'NaN'}]},"
	"'x':{'time_stamp':'1970-01-01T00:00:05.000Z','type':'COUNTER',"
	"'help':'hx','metrics':[{'labels':{'a':'\\\\1','foo':'bar',"
	"'instance':'q','job':'a'},'value':'17'},{'labels':{'foo':'bar',"
	"'instance':'','job':'a'},'value':'2'}]},"
	"'push_failure_time_seconds':{'time_stamp':"
	"'1970-01-01T00:00:05.000Z','type':'GAUGE','help':'Last Unix time "
	"when changing this group in the Pushgateway failed.','metrics':["
	"{'labels':{'foo':'bar','instance':'','job':'a'},'value':'0'}]},"
	"'push_time_seconds':{'time_stamp':'1970-01-01T00:00:05.000Z',"
	"'type':'GAUGE','help':'Last Unix time when changing this group in "
	"the Pushgateway succeeded.','metrics':[{'labels':{'foo':'bar',"
	"'instance':'','job':'a'},'value':'5'}]}}";

static void test_json(void **state)
{
	struct push_store *store = new_store();
	json_t *expected;
	char *quoted;
	char *text;

	text = kit_json(store, 1);
	assert_string_equal(text, "{\"status\":\"success\",\"data\":[]}");
	mem_free(text);

	kit_put(store, "/job/a/foo/bar", json_body);
	kit_put(store, "/job/b", "");
	quoted = mem_strdup(json_expected);
	for (char *p = quoted; *p; p++) {
		if (*p == '\'')
			*p = '"';
		else if (p[0] == '\\' && p[1] == '\\')
			p[1] = '"', p++;
	}
	expected = json_loads(quoted, 0, NULL);
	assert_non_null(expected);
	mem_free(quoted);
	for (size_t budget = 1; budget < 4000; budget += 97) {
		json_t *data;
		json_t *all;

		text = kit_json(store, budget);
		all = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(all);
		data = json_object_get(all, "data");
		assert_int_equal(json_array_size(data), 2);
		if (!json_equal(json_array_get(data, 0), expected))
			fail_msg("%s", text);
		json_decref(all);
		mem_free(text);
	}
	json_decref(expected);
	push_store_free(store);
}

/* What is pushed between the slices is not in it. */
static void test_json_isolation(void **state)
{
	struct push_store *store = new_store();
	struct push_view *view;
	struct buf out;
	char *whole;
	int i = 0;

	kit_put(store, "/job/a/foo/bar", json_body);
	kit_put(store, "/job/b", "v 1\nw 1\n");
	kit_put(store, "/job/c", "w 1\nv 1\n");
	whole = kit_json(store, SIZE_MAX);
	view = push_view_new(store);
	buf_init(&out, 1 << 20);
	while (!push_view_write_json(view, &out, out.n + 50)) {
		if (i % 4 == 0)
			kit_put(store, "/job/b", "w 2\nq 1\n");
		if (i % 4 == 1)
			assert_true(kit_delete(store, "/job/b"));
		if (i % 4 == 2)
			kit_post(store, "/job/a/foo/bar", "u 8\nq 1\n");
		if (i % 4 == 3)
			push_store_wipe(store);
		i++;
	}
	assert_true(i > 10);
	assert_string_equal(out.p, whole);
	push_view_free(view);
	mem_free(whole);
	buf_fini(&out);
	push_store_free(store);
}

/* Families of heartbeats are there while a group that is seen has one. */
static void test_beats_come_and_go(void **state)
{
	struct push_store *store = new_store();
	struct push_view *before;
	char *text;

	kit_put(store, "/job/b", "");
	assert_int_equal(kit_beat(store, "/a/start", 1000), 0);
	text = kit_text(store, true);
	assert_non_null(
		strstr(text, "ping_running{instance=\"\",job=\"a\"} 1\n"));
	assert_null(strstr(text, "ping_duration"));
	mem_free(text);
	before = push_view_new(store);
	assert_int_equal(kit_beat(store, "/a/3", 2500), 0);
	text = kit_text(store, true);
	assert_non_null(
		strstr(text, "ping_exit_code{instance=\"\",job=\"a\"} 3\n"));
	assert_non_null(strstr(text, "ping_duration_seconds{instance=\"\","
	                             "job=\"a\"} 1.500\n"));
	mem_free(text);
	assert_true(kit_delete(store, "/job/a"));
	text = kit_text(store, true);
	assert_null(strstr(text, "ping_"));
	mem_free(text);
	text = kit_rest(before, 10, true);
	assert_non_null(
		strstr(text, "ping_running{instance=\"\",job=\"a\"} 1\n"));
	assert_null(strstr(text, "ping_exit_code{"));
	mem_free(text);
	push_view_free(before);
	push_store_free(store);
}

/* A buffer that is full, at every place, is the end of it. */
static void test_json_no_room(void **state)
{
	struct push_store *store = new_store();
	char *whole;

	kit_put(store, "/job/a/foo/bar", json_body);
	kit_put(store, "/job/b", "v 1\nw 1\n");
	whole = kit_json(store, SIZE_MAX);
	for (size_t room = 0; room < strlen(whole); room++) {
		struct push_view *view = push_view_new(store);
		struct buf out;
		unsigned n_calls = 1;

		buf_init(&out, room);
		while (!push_view_write_json(view, &out, out.n + 100))
			assert_true(n_calls++ < strlen(whole));
		assert_int_equal(out.failed, -E2BIG);
		assert_memory_equal(buf_text(&out), whole, out.n);
		push_view_free(view);
		buf_fini(&out);
	}
	mem_free(whole);
	push_store_free(store);
}

/* --- against a model -------------------------------------------------------------- */

#define N_GROUPS   8
#define N_FAMILIES 5
#define N_VARIANTS 3 /* of a sample: plain, v="1", instance="i" */
#define N_READERS  4

static const struct {
	const char *path;
	const char *instance;
	const char *job;
} group_names[N_GROUPS] = {
	{ "/job/a/instance/i", "i", "a" },
	{ "/job/b/instance/i", "i", "b" },
	{ "/job/b/instance/j", "j", "b" },
	{ "/job/a", "", "a" },
	{ "/job/b", "", "b" },
	{ "/job/c", "", "c" },
	{ "/job/d", "", "d" },
	{ "/job/e", "", "e" },
};

static const char *const family_names[N_FAMILIES] = { "f", "f_count", "g", "h",
	                                              "q" };
static const enum metric_type types[] = { METRIC_UNTYPED, METRIC_GAUGE,
	                                  METRIC_SUMMARY };

struct model_metric {
	bool there;
	enum metric_type type;
	bool has[N_VARIANTS];
	int value;
};

struct model {
	struct {
		bool there;
		int64_t pushed;
		int64_t failed;
		struct model_metric metrics[N_FAMILIES];
	} groups[N_GROUPS];
};

static const char *instance_of(int group, int variant)
{
	return variant == 2 && !group_names[group].instance[0]
	               ? "i"
	               : group_names[group].instance;
}

static bool same_series(int group, int variant, int other, int other_variant)
{
	return strcmp(group_names[group].job, group_names[other].job) == 0 &&
	       strcmp(instance_of(group, variant),
	              instance_of(other, other_variant)) == 0 &&
	       (variant == 1) == (other_variant == 1);
}

static bool is_twice(const struct model *model, int f, int group, int variant)
{
	for (int g = 0; g < N_GROUPS; g++) {
		const struct model_metric *metric =
			&model->groups[g].metrics[f];

		for (int v = 0; v < N_VARIANTS; v++) {
			if (metric->there && metric->has[v] &&
			    (g != group || v != variant) &&
			    same_series(group, variant, g, v))
				return true;
		}
	}
	return false;
}

/* Is all of it consistent? Simple and slow. */
static bool model_stands(const struct model *model)
{
	enum metric_type type[N_FAMILIES];
	bool there[N_FAMILIES] = { false };

	for (int f = 0; f < N_FAMILIES; f++) {
		for (int g = 0; g < N_GROUPS; g++) {
			const struct model_metric *metric =
				&model->groups[g].metrics[f];

			if (!metric->there)
				continue;
			if (there[f] && metric->type != type[f])
				return false;
			there[f] = true;
			type[f] = metric->type;
			for (int v = 0; v < N_VARIANTS; v++) {
				if (metric->has[v] && is_twice(model, f, g, v))
					return false;
			}
		}
	}
	return !(there[0] && type[0] == METRIC_SUMMARY && there[1]);
}

static void model_own(const struct model *model, const char *name,
                      bool is_failed, struct buf *out)
{
	bool first = true;

	for (int g = 0; g < N_GROUPS; g++) {
		int64_t ms = is_failed ? model->groups[g].failed
		                       : model->groups[g].pushed;

		if (!model->groups[g].there)
			continue;
		if (first)
			(void)buf_printf(
				out, "# HELP %s %s\n# TYPE %s gauge\n", name,
				own_families[own_family_find(slice_from(name))]
					.help,
				name);
		first = false;
		(void)buf_printf(out,
		                 "%s{instance=\"%s\",job=\"%s\"} %" PRId64 "\n",
		                 name, group_names[g].instance,
		                 group_names[g].job, ms / 1000);
	}
}

/* "f" … "h", then the two of the gateway, then "q". */
static char *model_text(const struct model *model)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	for (int f = 0; f < N_FAMILIES; f++) {
		bool first = true;

		if (f == N_FAMILIES - 1) {
			model_own(model, "push_failure_time_seconds", true,
			          &out);
			model_own(model, "push_time_seconds", false, &out);
		}
		for (int g = 0; g < N_GROUPS; g++) {
			const struct model_metric *metric =
				&model->groups[g].metrics[f];
			bool summary = metric->type == METRIC_SUMMARY;

			if (metric->there && first)
				(void)buf_printf(
					&out, "# TYPE %s %s\n", family_names[f],
					metric_type_name(metric->type));
			for (int v = 0; metric->there && v < N_VARIANTS; v++) {
				if (!metric->has[v])
					continue;
				(void)buf_printf(
					&out,
					"%s%s{instance=\"%s\",job=\"%s\"%s} "
					"%d\n",
					family_names[f], summary ? "_sum" : "",
					instance_of(g, v), group_names[g].job,
					v == 1 ? ",v=\"1\"" : "",
					metric->value + v);
			}
			first = first && !metric->there;
		}
	}
	return buf_take(&out);
}

static void random_metric(struct rng *rng, int f, struct model_metric *metric,
                          struct buf *body)
{
	bool summary;

	*metric = (struct model_metric){
		.there = true,
		/* mostly alike, or hardly anything would be accepted */
		.type = types[rng_below(rng, 12) == 0
		                      ? rng_below(rng, f == 0 ? 3 : 2)
		                      : 0],
		.value = (int)rng_below(rng, 1000),
	};
	summary = metric->type == METRIC_SUMMARY;
	(void)buf_printf(body, "# TYPE %s %s\n", family_names[f],
	                 metric_type_name(metric->type));
	metric->has[rng_below(rng, 2)] = true;
	metric->has[rng_below(rng, 8) == 0 ? 2 : rng_below(rng, 2)] = true;
	for (int v = 0; v < N_VARIANTS; v++) {
		static const char *const labels[N_VARIANTS] = {
			"", "{v=\"1\"}", "{v=\"\",instance=\"i\"}"
		};

		if (metric->has[v])
			(void)buf_printf(body, "%s%s%s %d\n", family_names[f],
			                 summary ? "_sum" : "", labels[v],
			                 metric->value + v);
	}
}

static void random_push(struct rng *rng, struct model *model,
                        struct push_store *store, int64_t at_ms)
{
	struct model next = *model;
	int g = (int)rng_below(rng, N_GROUPS);
	int first = (int)rng_below(rng, N_FAMILIES);
	bool replace = rng_below(rng, 2) == 0;
	struct err err;
	struct buf body;
	int r;

	buf_init(&body, 1 << 20);
	(void)buf_puts(&body, "");
	next.groups[g].there = true;
	for (int i = 0; i < N_FAMILIES; i++) {
		int f = (first + i) % N_FAMILIES;
		struct model_metric *metric = &next.groups[g].metrics[f];

		if (rng_below(rng, 3) == 0)
			random_metric(rng, f, metric, &body);
		else if (replace)
			metric->there = false;
	}
	r = kit_push(store, group_names[g].path, buf_text(&body), replace,
	             at_ms, &err);
	if (r == -EBADMSG) {
		/* the parser has seen to that */
		assert_non_null(strstr(buf_text(&body), "TYPE f summary"));
		assert_non_null(strstr(buf_text(&body), "TYPE f_count"));
	} else if (model_stands(&next)) {
		if (r != 0)
			fail_msg("refused: %s\n%s", err.message,
			         buf_text(&body));
		*model = next;
		model->groups[g].pushed = at_ms;
	} else {
		if (r != PUSH_E_INCONSISTENT)
			fail_msg("%d, not refused: %s\n%s", r, err.message,
			         buf_text(&body));
		model->groups[g].there = true;
		model->groups[g].failed = at_ms;
	}
	buf_fini(&body);
}

/* The table has each series that is stored, and nothing else. */
static void check_table(const struct push_store *store)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < store->series.cap; i++) {
		const struct series_entry *entry = &store->series.entries[i];
		const struct push_metric *metric;
		bool found = false;

		if (entry->id == 0)
			continue;
		assert_int_equal(entry->id & SERIES_MARK, 0);
		metric = metric_by_id(store, entry->id - 1);
		for (struct slice lines = metric_lines(metric); lines.n > 0;) {
			struct store_line line = line_take(&lines);

			found |= (uint32_t)line_hash(metric->family,
			                             metric->group,
			                             &line) == entry->hash;
		}
		assert_true(found);
		n++;
	}
	assert_int_equal(n, store->series.n);
	assert_int_equal(n, store->n_series);
}

struct reader {
	struct push_view *view;
	char *expected;
	struct buf text;
	bool in_family;
};

static void reader_step(struct reader *reader, struct rng *rng, bool to_end)
{
	struct push_view_family family;

	do {
		if (!reader->in_family) {
			if (!push_view_next(reader->view, &family)) {
				assert_string_equal(buf_text(&reader->text),
				                    reader->expected);
				push_view_free(reader->view);
				buf_fini(&reader->text);
				mem_free(reader->expected);
				*reader = (struct reader){ 0 };
				return;
			}
			if (family.help.n > 0)
				(void)buf_printf(&reader->text,
				                 "# HELP " SLICE_FMT
				                 " " SLICE_FMT "\n",
				                 SLICE_ARG(family.name),
				                 SLICE_ARG(family.help));
			(void)buf_printf(&reader->text,
			                 "# TYPE " SLICE_FMT " %s\n",
			                 SLICE_ARG(family.name),
			                 metric_type_name(family.type));
		}
		reader->in_family = !push_view_write(
			reader->view, &reader->text,
			reader->text.n + rng_below(rng, 200) + 1);
	} while (to_end);
}

static void reader_begin(struct reader *reader, struct push_store *store,
                         const struct model *model)
{
	reader->view = push_view_new(store);
	assert_non_null(reader->view);
	reader->expected = model_text(model);
	reader->in_family = false;
	buf_init(&reader->text, 1 << 20);
	(void)buf_puts(&reader->text, "");
}

static void random_delete(struct rng *rng, struct model *model,
                          struct push_store *store)
{
	int g = (int)rng_below(rng, N_GROUPS);

	assert_int_equal(kit_delete(store, group_names[g].path),
	                 model->groups[g].there);
	memset(&model->groups[g], 0, sizeof(model->groups[g]));
}

static void run_random(uint64_t seed, int n_steps)
{
	struct reader readers[N_READERS] = { 0 };
	struct push_store *store = new_store();
	struct model model = { 0 };
	struct rng rng = { seed };

	for (int i = 1; i <= n_steps; i++) {
		struct reader *reader = &readers[rng_below(&rng, N_READERS)];
		uint64_t what = rng_below(&rng, 100);

		if (what < 60) {
			random_push(&rng, &model, store, (int64_t)i * 1000);
		} else if (what < 70) {
			random_delete(&rng, &model, store);
		} else if (what < 71) {
			push_store_wipe(store);
			memset(&model, 0, sizeof(model));
		} else if (!reader->view) {
			reader_begin(reader, store, &model);
		} else {
			reader_step(reader, &rng, false);
		}
		if (i % 16 == 0)
			check_table(store);
	}
	for (size_t i = 0; i < N_READERS; i++) {
		if (readers[i].view)
			reader_step(&readers[i], &rng, true);
	}
	assert_int_equal(n_kept(store), 0);
	push_store_free(store);
}

static void test_random(void **state)
{
	for (uint64_t seed = 1; seed <= 20; seed++)
		run_random(seed, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_isolation),
		cmocka_unit_test(test_change_in_the_middle),
		cmocka_unit_test(test_endless_view),
		cmocka_unit_test(test_too_many_views),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_isolation),
		cmocka_unit_test(test_json_no_room),
		cmocka_unit_test(test_beats_come_and_go),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
