/* SPDX-License-Identifier: Apache-2.0 */
#include "core/push_store_parts.h"

#include <errno.h>

/* --- hashing ----------------------------------------------------------------- */

/* Eight bytes at a time; the seed comes in with the family's hash. */
uint64_t piece_hash(const char *p, size_t n)
{
	uint64_t hash = 0x9e3779b97f4a7c15u ^ n;
	uint64_t word;

	for (; n >= sizeof(word); n -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		hash = (hash ^ word) * 0xff51afd7ed558ccdu;
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, p, n);
	return rng_mix((hash ^ word) * 0xff51afd7ed558ccdu);
}

/* Labels are summed up, so that their order does not matter. */
uint64_t line_hash(const struct store_family *family,
                   const struct store_group *group,
                   const struct store_line *line)
{
	uint64_t sum = group->hash_sum;
	struct line_labels walk = line_labels(group, line);
	struct slice piece;

	if (!walk.whole) {
		sum = 0;
		while (line_next_label(&walk, &piece)) {
			if (piece_value(piece, NULL).n > 0)
				sum += piece_hash(piece.p, piece.n);
		}
	}
	return rng_mix(family->hash + (uint64_t)line->suffix + sum);
}

/* --- writing --------------------------------------------------------------- */

char *piece_put(char *at, const struct label *label)
{
	memcpy(at, label->name.p, label->name.n);
	at += label->name.n;
	*at++ = '=';
	*at++ = '"';
	for (size_t i = 0; i < label->value.n; i++) {
		char c = label->value.p[i];

		if (c == '"' || c == '\\' || c == '\n')
			*at++ = '\\';
		*at++ = c == '\n' ? 'n' : c;
	}
	*at++ = '"';
	return at;
}

static bool is_place_holder(char c)
{
	return (unsigned char)c >= LINE_NAME;
}

static void write_piece(struct buf *out, const struct store_group *group,
                        unsigned char code, uint32_t *next)
{
	const struct store_piece *piece;

	if (code == LINE_BLANK) {
		piece = &group->pieces[group->blank];
	} else {
		if (*next == group->blank)
			++*next;
		piece = &group->pieces[(*next)++];
	}
	(void)buf_append(out, group->whole.p + piece->at, piece->n);
}

void line_write(struct buf *out, struct slice family,
                const struct store_group *group, struct slice *lines)
{
	const char *p = lines->p;
	const char *end = memchr(p, '\n', lines->n);
	const char *suffix =
		metric_suffix_text((unsigned char)p[0] - LINE_NAME);
	uint32_t next = 0;

	end++;
	*lines = slice_make(end, lines->n - (size_t)(end - p));
	(void)buf_append(out, family.p, family.n);
	if (suffix[0])
		(void)buf_puts(out, suffix);
	p++;
	if ((unsigned char)*p == LINE_WHOLE) {
		(void)buf_append(out, group->whole.p, group->whole.n);
		p++;
	}
	while (p < end) {
		const char *run = p;

		while (p < end && !is_place_holder(*p))
			p++;
		(void)buf_append(out, run, (size_t)(p - run));
		if (p < end)
			write_piece(out, group, (unsigned char)*p++, &next);
	}
}

/* --- reading ----------------------------------------------------------------- */

/* The length of name="value" at the front; a place-holder is one byte. */
static size_t piece_length(const char *p)
{
	const char *at = p;

	if (is_place_holder(*p))
		return 1;
	while (*at != '"')
		at++;
	for (at++; *at != '"'; at++) {
		if (*at == '\\')
			at++;
	}
	return (size_t)(at + 1 - p);
}

struct store_line line_take(struct slice *lines)
{
	const char *p = lines->p;
	const char *end = memchr(p, '\n', lines->n);
	struct store_line line;
	const char *at = p + 1;

	line.suffix = (enum metric_suffix)((unsigned char)p[0] - LINE_NAME);
	if ((unsigned char)*at == LINE_WHOLE) {
		at++;
		line.labels = slice_make(p + 1, 1);
	} else {
		while (*at != '}')
			at += 1 + piece_length(at + 1);
		line.labels = slice_make(p + 1, (size_t)(at + 1 - (p + 1)));
		at += 2;
	}
	line.value = slice_make(at, (size_t)(end - at));
	*lines = slice_make(end + 1, lines->n - (size_t)(end + 1 - p));
	return line;
}

struct line_labels line_labels(const struct store_group *group,
                               const struct store_line *line)
{
	struct line_labels walk = { .group = group, .rest = line->labels };

	walk.whole = (unsigned char)line->labels.p[0] == LINE_WHOLE;
	return walk;
}

static struct slice group_piece(const struct store_group *group, uint32_t i)
{
	return slice_make(group->whole.p + group->pieces[i].at,
	                  group->pieces[i].n);
}

bool line_next_label(struct line_labels *walk, struct slice *piece)
{
	const struct store_group *group = walk->group;
	unsigned char code;
	size_t n;

	if (walk->whole) {
		if (walk->next_piece == group->n_pieces)
			return false;
		*piece = group_piece(group, walk->next_piece++);
		return true;
	}
	if (walk->rest.p[0] == '}')
		return false;
	walk->rest = slice_skip(walk->rest, 1); /* brace or comma */
	code = (unsigned char)walk->rest.p[0];
	n = piece_length(walk->rest.p);
	if (code == LINE_BLANK) {
		*piece = group_piece(group, group->blank);
	} else if (code == LINE_LABEL) {
		if (walk->next_piece == group->blank)
			walk->next_piece++;
		*piece = group_piece(group, walk->next_piece++);
	} else {
		*piece = slice_make(walk->rest.p, n);
	}
	walk->rest = slice_skip(walk->rest, n);
	return true;
}

struct slice piece_name(struct slice piece)
{
	const char *equals = memchr(piece.p, '=', piece.n);

	return slice_make(piece.p, (size_t)(equals - piece.p));
}

struct slice piece_value(struct slice piece, struct buf *scratch)
{
	size_t n_name = piece_name(piece).n;
	struct slice text =
		slice_make(piece.p + n_name + 2, piece.n - n_name - 3);
	size_t start;

	if (!scratch || !memchr(text.p, '\\', text.n))
		return text;
	start = scratch->n;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '\\')
			c = text.p[++i] == 'n' ? '\n' : text.p[i];
		(void)buf_putc(scratch, c);
	}
	return scratch->failed
	               ? slice_make("", 0)
	               : slice_make(scratch->p + start, scratch->n - start);
}

static bool next_label_but(struct line_labels *walk, const char *but,
                           struct slice *piece)
{
	while (line_next_label(walk, piece)) {
		if (!but || !slice_is(piece_name(*piece), but))
			return true;
	}
	return false;
}

int line_compare(const struct store_group *group, const struct store_line *a,
                 const struct store_line *b, const char *but)
{
	struct line_labels walk_a = line_labels(group, a);
	struct line_labels walk_b = line_labels(group, b);

	for (;;) {
		struct slice piece_a;
		struct slice piece_b;
		bool more_a = next_label_but(&walk_a, but, &piece_a);
		bool more_b = next_label_but(&walk_b, but, &piece_b);
		int order;

		if (!more_a || !more_b)
			return (int)more_a - (int)more_b;
		order = slice_compare(piece_a, piece_b);
		if (order != 0)
			return order;
	}
}

const char *type_inner_label(enum metric_type type)
{
	if (type == METRIC_HISTOGRAM || type == METRIC_GAUGE_HISTOGRAM)
		return "le";
	return type == METRIC_SUMMARY ? "quantile" : NULL;
}

/* --- for the store's users --------------------------------------------------- */

static int tell_sample(const struct store_group *group,
                       const struct store_line *line, struct buf *scratch,
                       push_sample_cb each, void *context)
{
	struct label labels[PUSH_BODY_MAX_LABELS + PUSH_PATH_MAX_LABELS + 1];
	struct line_labels walk = line_labels(group, line);
	size_t n_labels = 0;
	struct slice piece;

	/* what is unescaped is shorter: the room does not move */
	buf_reset(scratch);
	if (buf_reserve(scratch, line->labels.n + group->whole.n) < 0)
		return -ENOMEM;
	while (line_next_label(&walk, &piece)) {
		labels[n_labels].name = piece_name(piece);
		labels[n_labels++].value = piece_value(piece, scratch);
	}
	each(context, labels, n_labels, line->value);
	return 0;
}

int push_group_each_sample(const struct push_store *store,
                           const struct push_group *group, struct slice family,
                           push_sample_cb each, void *context)
{
	const struct store_group *of =
		container_of(group, const struct store_group, shown);
	const struct store_family *found = family_find(store, family);
	const struct push_metric *metric =
		found ? metric_find(found, of) : NULL;
	struct slice lines;
	struct buf scratch;
	int r = 0;

	if (!metric)
		return 0;
	buf_init(&scratch, SIZE_MAX / 2);
	for (lines = metric_lines(metric); lines.n > 0 && r == 0;) {
		struct store_line line = line_take(&lines);

		r = tell_sample(of, &line, &scratch, each, context);
	}
	buf_fini(&scratch);
	return r;
}
