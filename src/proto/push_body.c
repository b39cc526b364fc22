/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/push_body.h"

#include <errno.h>
#include "base/map.h"
#include "base/mem.h"
#include "proto/push_body_private.h"

#define FIRST_FAMILIES 16
#define FIRST_SAMPLES  32
#define FIRST_LABELS   (2 * PUSH_BODY_MAX_LABELS)
#define FIRST_SLOTS    32 /* a power of two */
#define NO_FAMILY      UINT32_MAX

/* --- words ----------------------------------------------------------------- */

static const char *const type_names[N_METRIC_TYPES] = {
	[METRIC_UNTYPED] = "untyped",
	[METRIC_COUNTER] = "counter",
	[METRIC_GAUGE] = "gauge",
	[METRIC_SUMMARY] = "summary",
	[METRIC_HISTOGRAM] = "histogram",
	[METRIC_GAUGE_HISTOGRAM] = "gaugehistogram",
};

static const char *const suffixes[N_METRIC_SUFFIXES] = {
	[METRIC_PLAIN] = "",     [METRIC_BUCKET] = "_bucket",
	[METRIC_SUM] = "_sum",   [METRIC_COUNT] = "_count",
	[METRIC_GSUM] = "_gsum", [METRIC_GCOUNT] = "_gcount",
};

/* Which children a type has. */
static const unsigned children[N_METRIC_TYPES] = {
	[METRIC_SUMMARY] = 1u << METRIC_SUM | 1u << METRIC_COUNT,
	[METRIC_HISTOGRAM] =
		1u << METRIC_BUCKET | 1u << METRIC_SUM | 1u << METRIC_COUNT,
	[METRIC_GAUGE_HISTOGRAM] =
		1u << METRIC_BUCKET | 1u << METRIC_GSUM | 1u << METRIC_GCOUNT,
};

const char *metric_type_name(enum metric_type type)
{
	return type_names[type];
}

int metric_type_parse(struct slice text, enum metric_type *typep)
{
	for (int i = 0; i < N_METRIC_TYPES; i++) {
		if (slice_is_nocase(text, type_names[i])) {
			*typep = (enum metric_type)i;
			return 0;
		}
	}
	if (!slice_is_nocase(text, "gauge_histogram"))
		return -EINVAL;
	*typep = METRIC_GAUGE_HISTOGRAM;
	return 0;
}

const char *metric_suffix_text(enum metric_suffix suffix)
{
	return suffixes[suffix];
}

/* --- memory ---------------------------------------------------------------- */

void push_body_init(struct push_body *body, uint64_t seed)
{
	*body = (struct push_body){ .seed = seed };
	buf_init(&body->text, 2 * (size_t)PUSH_BODY_MAX_BYTES);
}

void push_body_fini(struct push_body *body)
{
	mem_free(body->families);
	mem_free(body->samples);
	mem_free(body->labels);
	mem_free(body->slots);
	buf_fini(&body->text);
	*body = (struct push_body){ .seed = body->seed };
}

void push_body_trim(struct push_body *body)
{
	uint64_t seed = body->seed;

	if (body->cap_families * sizeof(*body->families) > PUSH_BODY_KEEP ||
	    body->cap_samples * sizeof(*body->samples) > PUSH_BODY_KEEP ||
	    body->cap_labels * sizeof(*body->labels) > PUSH_BODY_KEEP ||
	    body->text.cap > PUSH_BODY_KEEP) {
		push_body_fini(body);
		push_body_init(body, seed);
	}
	push_body_begin(body);
}

void push_body_begin(struct push_body *body)
{
	body->n_families = 0;
	body->n_samples = 0;
	body->n_labels = 0;
	body->n_slots = 0;
	buf_reset(&body->text);
}

/* Doubles an array until it has room for @n more. */
static int grow(void **arrayp, uint32_t *capp, size_t n, size_t size,
                uint32_t first)
{
	uint64_t cap = MAX(*capp, first);
	void *array;

	while (cap < n)
		cap *= 2;
	if (cap > UINT32_MAX)
		return -ENOMEM;
	array = mem_realloc(*arrayp, (size_t)cap * size);
	if (!array)
		return -ENOMEM;
	*arrayp = array;
	*capp = (uint32_t)cap;
	return 0;
}

int push_body_reserve(struct push_body *body)
{
	const size_t n_labels = (size_t)body->n_labels + PUSH_BODY_MAX_LABELS;
	void *array = body->samples;
	int r = 0;

	if (body->n_samples == body->cap_samples) {
		r = grow(&array, &body->cap_samples,
		         (size_t)body->n_samples + 1, sizeof(*body->samples),
		         FIRST_SAMPLES);
		body->samples = array;
	}
	if (r == 0 && n_labels > body->cap_labels) {
		array = body->labels;
		r = grow(&array, &body->cap_labels, n_labels,
		         sizeof(*body->labels), FIRST_LABELS);
		body->labels = array;
	}
	return r;
}

/* --- families ---------------------------------------------------------------- */

static uint32_t hash_of(const struct push_body *body, struct slice name)
{
	return (uint32_t)map_hash(body->seed, name.p, name.n);
}

static uint32_t find(const struct push_body *body, struct slice name,
                     uint32_t hash)
{
	uint32_t mask = body->n_slots - 1;

	if (body->n_slots == 0)
		return NO_FAMILY;
	for (uint32_t i = hash & mask; body->slots[i]; i = (i + 1) & mask) {
		uint32_t at = body->slots[i] - 1;

		if (body->families[at].hash == hash &&
		    slice_equal(body->families[at].name, name))
			return at;
	}
	return NO_FAMILY;
}

static void hang(struct push_body *body, uint32_t at)
{
	uint32_t mask = body->n_slots - 1;
	uint32_t i = body->families[at].hash & mask;

	while (body->slots[i])
		i = (i + 1) & mask;
	body->slots[i] = at + 1;
}

/* Twice as many slots as families at least. */
static int grow_slots(struct push_body *body)
{
	uint32_t n = body->n_slots ? body->n_slots * 2 : FIRST_SLOTS;
	void *slots = body->slots;
	int r = 0;

	if (((size_t)body->n_families + 1) * 2 <= body->n_slots)
		return 0;
	if (n > body->cap_slots)
		r = grow(&slots, &body->cap_slots, n, sizeof(*body->slots), n);
	body->slots = slots;
	if (r < 0)
		return r;
	body->n_slots = n;
	memset(body->slots, 0, n * sizeof(*body->slots));
	for (uint32_t i = 0; i < body->n_families; i++)
		hang(body, i);
	return 0;
}

static int add(struct push_body *body, struct slice name, uint32_t hash)
{
	void *families = body->families;
	int r = grow_slots(body);

	if (r == 0 && body->n_families == body->cap_families) {
		r = grow(&families, &body->cap_families,
		         (size_t)body->n_families + 1, sizeof(*body->families),
		         FIRST_FAMILIES);
		body->families = families;
	}
	if (r < 0)
		return r;
	body->families[body->n_families] = (struct push_body_family){
		.name = name,
		.hash = hash,
	};
	hang(body, body->n_families++);
	return 0;
}

/* The suffix at the end of @name, which it is not all of. */
static enum metric_suffix suffix_of(struct slice name)
{
	for (int i = METRIC_PLAIN + 1; i < N_METRIC_SUFFIXES; i++) {
		size_t n = strlen(suffixes[i]);

		if (name.n > n &&
		    memcmp(name.p + name.n - n, suffixes[i], n) == 0)
			return (enum metric_suffix)i;
	}
	return METRIC_PLAIN;
}

int push_body_family(struct push_body *body, struct slice name,
                     uint32_t *familyp, enum metric_suffix *suffixp)
{
	uint32_t hash = hash_of(body, name);
	enum metric_suffix suffix;
	int r;

	*suffixp = METRIC_PLAIN;
	*familyp = find(body, name, hash);
	if (*familyp != NO_FAMILY)
		return 0;

	suffix = suffix_of(name);
	if (suffix != METRIC_PLAIN) {
		struct slice parent =
			slice_make(name.p, name.n - strlen(suffixes[suffix]));
		uint32_t at = find(body, parent, hash_of(body, parent));

		if (at != NO_FAMILY &&
		    (children[body->families[at].type] & 1u << suffix)) {
			*familyp = at;
			*suffixp = suffix;
			return 0;
		}
	}
	r = add(body, name, hash);
	*familyp = body->n_families - 1;
	return r;
}
