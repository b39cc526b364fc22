/* SPDX-License-Identifier: Apache-2.0 */
/* json_scan against jansson: what one takes for JSON the other does, within
 * the limits of both, and strings come out the same. The same input goes
 * through the reader of a Pushgateway's document, which must survive it. */
#undef NDEBUG
#include <assert.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include "base/map.h"
#include "proto/json_scan.h"
#include "proto/pushgateway.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_TEXT 4096

struct tally {
	uint64_t strings; /* of string values, in any order */
	uint64_t n_strings;
	uint64_t n_numbers;
	bool cut;
	bool nul_in_key;
};

static int on_token(void *context, const struct json_scan_token *token)
{
	struct tally *tally = context;

	if (token->cut)
		tally->cut = true;
	if (token->kind == JSON_SCAN_KEY &&
	    memchr(token->text.p, '\0', token->text.n))
		tally->nul_in_key = true;
	if (token->kind == JSON_SCAN_STRING) {
		tally->n_strings++;
		tally->strings += map_hash(0, token->text.p, token->text.n);
	}
	tally->n_numbers += token->kind == JSON_SCAN_NUMBER;
	return 0;
}

static void tally_tree(const json_t *json, struct tally *tally)
{
	const char *key;
	json_t *child;
	size_t i;

	if (json_is_string(json)) {
		tally->n_strings++;
		tally->strings += map_hash(0, json_string_value(json),
		                           json_string_length(json));
	}
	tally->n_numbers += json_is_number(json);
	json_array_foreach(json, i, child)
	{
		tally_tree(child, tally);
	}
	json_object_foreach((json_t *)json, key, child)
	{
		tally_tree(child, tally);
	}
}

static void feed(struct json_scan *scan, const uint8_t *p, size_t n, int *r)
{
	char *copy = malloc(n + !n);

	assert(copy);
	memcpy(copy, p, n);
	if (*r == 0)
		*r = json_scan_feed(scan, slice_make(copy, n));
	free(copy);
}

static int scan_in_pieces(const uint8_t *data, size_t size, size_t piece,
                          struct tally *tally)
{
	struct json_scan scan;
	int r = 0;

	*tally = (struct tally){ 0 };
	json_scan_init(&scan, MAX_TEXT, on_token, tally);
	for (size_t at = 0; at < size; at += piece)
		feed(&scan, data + at, MIN(piece, size - at), &r);
	if (r == 0)
		r = json_scan_finish(&scan);
	json_scan_fini(&scan);
	return r;
}

static void *wanted(void *context, struct slice family)
{
	return family.n % 2 ? context : NULL;
}

static void pushed(void *context, const struct label *labels, size_t n_labels,
                   void *family, int64_t unix_ms)
{
	for (size_t i = 0; i < n_labels; i++)
		*(uint64_t *)context +=
			map_hash(0, labels[i].value.p, labels[i].value.n);
}

static int read_groups(const uint8_t *data, size_t size, size_t piece)
{
	static const struct pushgateway_callbacks callbacks = { wanted,
		                                                pushed };
	struct pushgateway_document document;
	uint64_t sum = 0;
	int r = 0;

	pushgateway_document_init(&document, &callbacks, &sum);
	for (size_t at = 0; at < size && r == 0; at += piece)
		r = pushgateway_document_feed(
			&document, slice_make((const char *)data + at,
		                              MIN(piece, size - at)));
	if (r == 0)
		r = pushgateway_document_finish(&document);
	pushgateway_document_fini(&document);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally whole;
	struct tally pieces;
	struct tally tree = { 0 };
	json_error_t error;
	json_t *json;
	int r = scan_in_pieces(data, size, size + 1, &whole);

	assert(scan_in_pieces(data, size, 3, &pieces) == r);
	assert(r || (pieces.strings == whole.strings &&
	             pieces.n_numbers == whole.n_numbers));
	assert(read_groups(data, size, size + 1) == read_groups(data, size, 5));

	json = json_loadb((const char *)data, size,
	                  JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	if (!json) {
		/* numbers beyond its types, and NUL in keys, are its limits */
		assert(r != 0 || whole.nul_in_key ||
		       json_error_code(&error) == json_error_numeric_overflow);
		return 0;
	}
	/* it overlooks NUL bytes between tokens */
	assert(r == 0 || r == JSON_SCAN_E_TOO_DEEP || memchr(data, 0, size));
	if (r == 0 && !whole.cut) {
		tally_tree(json, &tree);
		/* of two equal keys it keeps one */
		assert(tree.n_numbers <= whole.n_numbers);
		assert(tree.n_strings < whole.n_strings ||
		       (tree.n_strings == whole.n_strings &&
		        tree.strings == whole.strings));
	}
	json_decref(json);
	return 0;
}
