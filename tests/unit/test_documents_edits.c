/* SPDX-License-Identifier: Apache-2.0 */
/* documents: after any edits they are those that would be rendered from
 * scratch, and whoever listens was told of each that became different. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include "base/rng.h"
#include "proto/gunzip.h"
#include "registry/model/assign.h"
#include "documents_kit.h"
#include "support/faults.h"

#define MAX_OBJECTS 6 /* of a kind */
#define N_ROUNDS    400
#define N_SEEDS     5
#define MAX_TOLD    64

/* What a watcher knows. */
struct told {
	char shard[64]; /* "": all together */
	enum document_kind kind;
	char etag[DOCUMENT_ETAG_MAX];
};

struct walk {
	struct kit_world world;
	struct rng rng;
	struct told told[MAX_TOLD];
	size_t n_told;
	char name[16];
	struct gunzip *gunzip;
};

static uint64_t pick(struct walk *walk, uint64_t n)
{
	return rng_below(&walk->rng, n);
}

/* --- random objects --------------------------------------------------------- */

static struct object *any(struct walk *walk, enum kind kind)
{
	const struct model *model = walk->world.model;
	uint64_t n = pick(walk, model_count(model, kind) + 1);
	struct object *object = NULL;

	while (n--)
		object = model_next(model, kind, object);
	return object;
}

/* Mostly free, so that what has a name may get another. */
static const char *any_name(struct walk *walk, const char *begin)
{
	(void)snprintf(walk->name, sizeof(walk->name), "%s%u", begin,
	               (unsigned)pick(walk, 100));
	return walk->name;
}

static const char *any_text(struct walk *walk, enum kind kind, unsigned field)
{
	static const char *const clauses[] = { "up{<exclude>}", "up",
		                               "up{a=\"b\",<exclude>}" };
	static const char *const urls[] = { "http://a/", "https://b/" };
	static const char *const hosts[] = { "h1", "h2.example", "192.0.2.1",
		                             "2001:db8::1", "h3" };
	static const char *const intervals[] = { "", "30s", "1m" };
	static const char *const paths[] = { "", "/m", "/m?a=1&a=2" };
	bool is_rule = kind == KIND_RULE;

	if (kind == KIND_SHARD && field != SHARD_NAME)
		return "";

	if (is_rule && field == RULE_CLAUSE)
		return clauses[pick(walk, 3)];
	if (is_rule && field == RULE_NAME)
		return any_name(walk, "n");
	if (is_rule && field != RULE_DESCRIPTION)
		return intervals[pick(walk, 3)];
	if (kind == KIND_HOST || kind == KIND_SERVER || kind == KIND_NODE)
		return hosts[pick(walk, 5)];
	if (kind == KIND_URL)
		return urls[pick(walk, 2)];
	if ((kind == KIND_EXPORTER && field == EXPORTER_PATH) ||
	    (kind == KIND_DEFAULT_EXPORTER && field == DEFAULT_EXPORTER_PATH))
		return paths[pick(walk, 3)];
	if ((kind == KIND_EXPORTER && field == EXPORTER_SCHEME) ||
	    (kind == KIND_DEFAULT_EXPORTER && field == DEFAULT_EXPORTER_SCHEME))
		return pick(walk, 2) ? "http" : "https";
	if (kind == KIND_EXPORTER && field == EXPORTER_SCRAPE_INTERVAL)
		return intervals[pick(walk, 3)];
	if (kind == KIND_EXPORTER && field == EXPORTER_SCRAPE_TIMEOUT)
		return "";
	return any_name(walk, "a. ");
}

static struct label_set *any_labels(struct walk *walk)
{
	static const char *const names[] = { "k1", "k2", "param_a" };
	struct label labels[2];
	struct label_set *set;
	size_t n = pick(walk, 3);

	for (size_t i = 0; i < n; i++) {
		labels[i].name = slice_from(names[pick(walk, 3)]);
		labels[i].value = slice_from(names[pick(walk, 3)]);
	}
	assert_int_equal(label_set_new(labels, n, false, &set, NULL), 0);
	return set;
}

static void give(struct walk *walk, struct assignments *given, enum kind kind,
                 unsigned nth)
{
	const struct field *field = &kinds[kind].fields[nth];

	switch (field->type) {
	case FIELD_TEXT:
		assign_text(given, nth, any_text(walk, kind, nth));
		break;
	case FIELD_NUMBER:
		assign_number(given, nth, 80 + (int64_t)pick(walk, 2));
		break;
	case FIELD_FLAG:
		assign_number(given, nth, (int64_t)pick(walk, 2));
		break;
	case FIELD_REF:
		assign_ref(given, nth, any(walk, field->to));
		break;
	case FIELD_LABELS:
	case FIELD_PARAMS:
		given->sets[given->n_sets] = any_labels(walk);
		assign(given, nth,
		       (union value){ .labels = given->sets[given->n_sets] });
		given->n_sets++;
		break;
	case FIELD_TIME:
		break;
	}
}

/* Refusals are as good as anything. */
static void edit(struct walk *walk, struct model_tx *tx)
{
	enum kind kind = (enum kind)pick(walk, KIND_TOKEN);
	struct object *object = pick(walk, 2) ? any(walk, kind) : NULL;
	struct assignments given = { .bad_field = -1 };
	unsigned max = kind == KIND_RULE ? 2 * MAX_OBJECTS : MAX_OBJECTS;
	unsigned skipped = KIND_MAX_FIELDS;
	struct err err;
	int r;

	if (!object && model_count(model_of(tx), kind) >= max)
		return;
	/* what much hangs on goes seldom */
	if (object && pick(walk, kind < KIND_FARM ? 60 : 8) == 0) {
		assert_int_equal(model_delete(tx, object, &err), 0);
		return;
	}
	if (kind == KIND_RULE)
		skipped = pick(walk, 2) ? RULE_SERVICE : RULE_PROJECT;
	for (unsigned i = 0; i < kinds[kind].n_fields; i++) {
		bool read_only = kinds[kind].fields[i].flags & FIELD_READ_ONLY;

		if (i == skipped)
			continue;
		if (kinds[kind].fields[i].flags & FIELD_REQUIRED && !object)
			give(walk, &given, kind, i);
		else if (!read_only && pick(walk, 3) == 0)
			give(walk, &given, kind, i);
	}
	if (object)
		r = model_update(tx, object, given.items, given.n, &err);
	else
		r = model_create(tx, kind, given.items, given.n, &object, &err);
	assert_int_not_equal(r, -ENOMEM);
	assignments_fini(&given);
}

/* --- what is told ------------------------------------------------------------- */

static struct told *find_told(struct walk *walk, const char *shard,
                              enum document_kind kind)
{
	for (size_t i = 0; i < walk->n_told; i++) {
		if (walk->told[i].kind == kind &&
		    strcmp(walk->told[i].shard, shard) == 0)
			return &walk->told[i];
	}
	return NULL;
}

static void on_changed(void *context, const char *shard,
                       enum document_kind kind, const struct document *document)
{
	struct walk *walk = context;
	struct told *told = find_told(walk, shard ? shard : "", kind);

	if (!document) {
		assert_non_null(told);
		*told = walk->told[--walk->n_told];
		return;
	}
	assert_int_equal(document->kind, kind);
	assert_ptr_equal(document,
	                 documents_get(walk->world.documents, shard, kind));
	if (!told) {
		assert_true(walk->n_told < MAX_TOLD);
		told = &walk->told[walk->n_told++];
		(void)snprintf(told->shard, sizeof(told->shard), "%s",
		               shard ? shard : "");
		told->kind = kind;
	} else {
		assert_string_not_equal(told->etag, document->etag);
	}
	(void)snprintf(told->etag, sizeof(told->etag), "%s", document->etag);
}

/* --- comparing ------------------------------------------------------------------ */

static void compare(struct walk *walk, struct documents *fresh,
                    const char *shard, enum document_kind kind)
{
	const struct document *ours =
		documents_get(walk->world.documents, shard, kind);
	const struct document *theirs = documents_get(fresh, shard, kind);
	struct told *told = find_told(walk, shard ? shard : "", kind);
	struct err err;
	struct buf out;

	assert_non_null(ours);
	assert_non_null(theirs);
	if (!slice_equal(ours->text, theirs->text))
		print_message("--- is\n" SLICE_FMT "--- fresh\n" SLICE_FMT,
		              SLICE_ARG(ours->text), SLICE_ARG(theirs->text));
	assert_true(slice_equal(ours->text, theirs->text));
	assert_true(slice_equal(ours->gzip, theirs->gzip));
	assert_string_equal(ours->etag, theirs->etag);
	assert_int_equal(ours->n_items, theirs->n_items);
	assert_non_null(told);
	assert_string_equal(told->etag, ours->etag);
	buf_init(&out, 10000000);
	assert_int_equal(gunzip(&walk->gunzip, ours->gzip, &out, &err), 0);
	assert_true(slice_equal(buf_slice(&out), ours->text));
	buf_fini(&out);
}

static void compare_all(struct walk *walk)
{
	const struct documents_options options = { "global", "" };
	struct documents *fresh = documents_new(walk->world.model, &options);
	size_t n = 0;
	struct err err;

	assert_non_null(fresh);
	assert_int_equal(documents_render(fresh, 1, NULL, NULL, &err), 0);
	for (unsigned kind = 0; kind < N_DOCUMENT_KINDS; kind++) {
		compare(walk, fresh, NULL, (enum document_kind)kind);
		n++;
		MODEL_FOR_EACH(shard, walk->world.model, KIND_SHARD)
		{
			compare(walk, fresh, object_text(shard, SHARD_NAME),
			        (enum document_kind)kind);
			n++;
		}
	}
	assert_int_equal(walk->n_told, n);
	documents_free(fresh);
}

static void transact(struct walk *walk)
{
	struct model_tx *tx = kit_begin(&walk->world);
	uint64_t n_edits = 1 + pick(walk, 4);
	const struct record *records;
	size_t n;

	while (n_edits--)
		edit(walk, tx);
	records = model_records(tx, &n);
	if (pick(walk, 8) == 0) {
		/* a touch too many does no harm */
		if (pick(walk, 2))
			documents_touch(walk->world.documents, records, n);
		model_rollback(tx);
		return;
	}
	documents_touch(walk->world.documents, records, n);
	model_commit(tx);
}

static void test_random_edits(void **state)
{
	for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
		struct walk walk = { .rng = { seed } };
		struct err err;

		kit_world_init(&walk.world);
		for (unsigned i = 0; i < N_ROUNDS; i++) {
			transact(&walk);
			if (pick(&walk, 3) == 0)
				continue;
			assert_int_equal(documents_render(walk.world.documents,
			                                  i + 1, on_changed,
			                                  &walk, &err),
			                 0);
			compare_all(&walk);
		}
		for (unsigned kind = 0; kind <= KIND_RULE; kind++)
			assert_true(model_count(walk.world.model,
			                        (enum kind)kind) > 0);
		kit_world_fini(&walk.world);
		gunzip_free(walk.gunzip);
	}
}

/* --- memory ------------------------------------------------------------------------ */

enum until { BEFORE_RENDER, AFTER_RENDER, TO_THE_END };

/* Returns how often rendering failed. */
static unsigned scenario(enum until until)
{
	struct walk walk = { .rng = { 99 } };
	struct err err = { 0 };
	unsigned n_failed = 0;

	kit_world_init(&walk.world);
	for (unsigned i = 0; i < 60; i++)
		transact(&walk);
	assert_int_equal(documents_render(walk.world.documents, 1, on_changed,
	                                  &walk, &err),
	                 0);
	for (unsigned i = 0; i < 20; i++)
		transact(&walk);
	while (until != BEFORE_RENDER &&
	       documents_render(walk.world.documents, 2, on_changed, &walk,
	                        &err) < 0) {
		assert_int_equal(err.code, -ENOMEM);
		n_failed++;
	}
	if (until == TO_THE_END)
		compare_all(&walk);
	kit_world_fini(&walk.world);
	gunzip_free(walk.gunzip);
	return n_failed;
}

static void test_no_memory(void **state)
{
	size_t n_before, n;

	faults_count();
	assert_int_equal(scenario(BEFORE_RENDER), 0);
	n_before = faults_end();
	faults_count();
	assert_int_equal(scenario(AFTER_RENDER), 0);
	n = faults_end();
	assert_true(n > n_before + 10);
	for (size_t k = n_before + 1; k <= n; k++) {
		faults_fail(k);
		assert_int_equal(scenario(TO_THE_END), 1);
		(void)faults_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_edits),
		cmocka_unit_test(test_no_memory),
	};

	faults_install_mem();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
