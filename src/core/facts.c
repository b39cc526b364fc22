/* SPDX-License-Identifier: Apache-2.0 */
#include "core/facts.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"

#define HASH_SEED 0x626f756e636572ULL /* names must outlive us */
#define HASH_SIZE 20                  /* "#0123456789abcdef}" */

/* --- copies ----------------------------------------------------------------- */

/* What of a set of labels is kept. */
struct extent {
	size_t n_labels;
	size_t n_text;
};

static struct slice cut(struct slice value)
{
	return text_cut(value, FACTS_MAX_VALUE);
}

static struct extent extent_of(const struct label *labels, size_t n, size_t max)
{
	struct extent extent = { 0 };

	n = MIN(n, FACTS_MAX_LABELS);
	while (extent.n_labels < n) {
		const struct label *label = &labels[extent.n_labels];
		size_t size = label->name.n + cut(label->value).n;

		if (size > max - extent.n_text)
			break;
		extent.n_text += size;
		extent.n_labels++;
	}
	return extent;
}

static void put_labels(char **at, struct label *out, const struct label *labels,
                       size_t n)
{
	for (size_t i = 0; i < n; i++) {
		out[i].name = text_put_slice(at, labels[i].name);
		out[i].value = text_put_slice(at, cut(labels[i].value));
	}
}

/* What of facts is kept. */
struct kept {
	struct extent labels;
	struct extent annotations;
};

static struct kept kept_of(const struct facts *facts)
{
	size_t left = FACTS_MAX_TEXT - cut(facts->value).n;
	struct kept kept;

	kept.labels = extent_of(facts->labels, facts->n_labels, left);
	kept.annotations = extent_of(facts->annotations, facts->n_annotations,
	                             left - kept.labels.n_text);
	return kept;
}

struct facts *facts_copy(const struct facts *facts)
{
	struct slice value = cut(facts->value);
	struct slice url = cut(facts->generator_url);
	struct kept kept = kept_of(facts);
	struct extent labels = kept.labels;
	struct extent annotations = kept.annotations;
	size_t n = labels.n_labels + annotations.n_labels;
	struct facts *copy = mem_alloc(
		sizeof(*copy) + n * sizeof(struct label) + labels.n_text +
		annotations.n_text + value.n + url.n + 2);
	struct label *rows;
	char *at;

	if (!copy)
		return NULL;
	rows = (struct label *)(copy + 1);
	at = (char *)(rows + n);
	put_labels(&at, rows, facts->labels, labels.n_labels);
	put_labels(&at, rows + labels.n_labels, facts->annotations,
	           annotations.n_labels);
	*copy = (struct facts){
		.labels = rows,
		.n_labels = labels.n_labels,
		.annotations = rows + labels.n_labels,
		.n_annotations = annotations.n_labels,
		.starts_ms = facts->starts_ms,
		.n_refs = 1,
	};
	copy->value = text_put_slice(&at, value);
	*at++ = '\0';
	copy->generator_url = text_put_slice(&at, url);
	*at = '\0';
	return copy;
}

struct facts *facts_ref(struct facts *facts)
{
	facts->n_refs++;
	return facts;
}

void facts_unref(struct facts *facts)
{
	if (facts && --facts->n_refs == 0)
		mem_free(facts);
}

static bool labels_equal(const struct label *a, const struct label *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!slice_equal(a[i].name, b[i].name) ||
		    !slice_equal(cut(a[i].value), cut(b[i].value)))
			return false;
	}
	return true;
}

bool facts_equal(const struct facts *a, const struct facts *b)
{
	struct kept kept_a = kept_of(a);
	struct kept kept_b = kept_of(b);

	return kept_a.labels.n_labels == kept_b.labels.n_labels &&
	       kept_a.annotations.n_labels == kept_b.annotations.n_labels &&
	       labels_equal(a->labels, b->labels, kept_a.labels.n_labels) &&
	       labels_equal(a->annotations, b->annotations,
	                    kept_a.annotations.n_labels) &&
	       slice_equal(cut(a->value), cut(b->value)) &&
	       slice_equal(cut(a->generator_url), cut(b->generator_url)) &&
	       a->starts_ms == b->starts_ms;
}

/* --- identities -------------------------------------------------------------- */

/* Whatever order they come in. */
static uint64_t hash_of(const struct label *labels, size_t n)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < n; i++)
		hash += map_hash(
			map_hash(HASH_SEED, labels[i].name.p, labels[i].name.n),
			labels[i].value.p, labels[i].value.n);
	return hash;
}

/* Few, and mostly sorted already. */
static void sort(const struct label **rows, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		const struct label *row = rows[i];
		size_t at = i;

		while (at > 0 &&
		       slice_compare(rows[at - 1]->name, row->name) > 0) {
			rows[at] = rows[at - 1];
			at--;
		}
		rows[at] = row;
	}
}

/* Text of a fixed size: a name does not depend on how much memory there is. */
struct line {
	char *p;
	size_t n;
	size_t size;
	bool full;
};

static void add(struct line *line, char c)
{
	if (line->n + 1 < line->size)
		line->p[line->n++] = c;
	else
		line->full = true;
}

/* As in an exposition. */
static void add_value(struct line *line, struct slice value)
{
	add(line, '"');
	for (size_t i = 0; i < value.n && !line->full; i++) {
		char c = value.p[i];

		if (c == '\n' || c == '"' || c == '\\')
			add(line, '\\');
		add(line, c == '\n' ? 'n' : c);
	}
	add(line, '"');
}

static void add_label(struct line *line, const struct label *label)
{
	for (size_t i = 0; i < label->name.n && !line->full; i++)
		add(line, label->name.p[i]);
	add(line, '=');
	add_value(line, label->value);
}

void facts_identity(const struct label *labels, size_t n_labels, char *out,
                    size_t size)
{
	const struct label *rows[FACTS_MAX_LABELS];
	size_t n = MIN(n_labels, FACTS_MAX_LABELS);
	struct line line = { out, 0, size, n < n_labels };
	size_t kept;

	for (size_t i = 0; i < n; i++)
		rows[i] = &labels[i];
	sort(rows, n);
	add(&line, '{');
	for (size_t i = 0; i < n; i++) {
		if (i)
			add(&line, ',');
		add_label(&line, rows[i]);
	}
	add(&line, '}');
	out[line.n] = '\0';
	if (!line.full)
		return;
	kept = text_cut(slice_make(out, line.n), size - HASH_SIZE).n;
	(void)snprintf(out + kept, size - kept, "#%016llx}",
	               (unsigned long long)hash_of(labels, n_labels));
}
