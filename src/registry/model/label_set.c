/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/label_set.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include "base/mem.h"
#include "base/number.h"

/* Sorts the first @n by name and keeps the order of equals: few, and mostly
 * sorted when they come. */
static void sort(struct label *items, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct label item = items[i];
		size_t at = i;

		while (at && slice_compare(items[at - 1].name, item.name) > 0) {
			items[at] = items[at - 1];
			at--;
		}
		items[at] = item;
	}
}

/* The last of those with one name, of those that are sorted. */
static size_t last_of_each(struct label *items, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		if (i + 1 < n && slice_equal(items[i].name, items[i + 1].name))
			continue;
		items[out++] = items[i];
	}
	return out;
}

int label_set_new(const struct label *labels, size_t n, bool several,
                  struct label_set **setp, struct err *err)
{
	struct label items[LABEL_SET_MAX];
	size_t n_bytes = labels_text_size(labels, n);
	struct label_set *set;
	char *at;

	*setp = NULL;
	if (n > LABEL_SET_MAX || n_bytes > LABEL_SET_BYTES)
		return err_set(err, -E2BIG,
		               "has more than %d labels or %d bytes",
		               LABEL_SET_MAX, LABEL_SET_BYTES);
	if (n == 0)
		return 0;
	memcpy(items, labels, n * sizeof(*items));
	sort(items, n);
	if (!several)
		n = last_of_each(items, n);
	set = mem_alloc(sizeof(*set) + n * sizeof(*items) +
	                labels_text_size(items, n));
	if (!set)
		return err_set(err, -ENOMEM, "out of memory");
	at = (char *)&set->items[n];
	set->n = (uint32_t)n;
	labels_put(set->items, &at, items, n);
	*setp = set;
	return 0;
}

/* --- JSON ----------------------------------------------------------------- */

#define SCALAR_MAX NUMBER_TEXT_MAX

struct reading {
	struct label items[LABEL_SET_MAX];
	char scalars[LABEL_SET_MAX][SCALAR_MAX];
	size_t n;
};

/* Text, a number or a truth value; p is NULL of anything else. @out holds
 * SCALAR_MAX. */
static struct slice scalar(const struct json_t *value, char *out)
{
	struct slice text = json_as_text(value);
	bool flag = json_as_bool(value, false);
	double number = json_as_double(value, NAN);
	int64_t whole = json_as_int(value, 0);

	if (text.p)
		return text;
	if (flag == json_as_bool(value, true))
		return slice_from(flag ? "true" : "false");
	if (whole == json_as_int(value, 1))
		return slice_make(out, (size_t)snprintf(out, SCALAR_MAX,
		                                        "%" PRId64, whole));
	if (!isnan(number))
		return slice_make(out, number_format_double(number, out));
	return text;
}

static int read_value(struct reading *reading, const char *name,
                      const struct json_t *value, struct err *err)
{
	struct slice text;

	if (reading->n == LABEL_SET_MAX)
		return err_set(err, -E2BIG, "has more than %d labels",
		               LABEL_SET_MAX);
	text = scalar(value, reading->scalars[reading->n]);
	if (!text.p)
		return err_set(err, -EINVAL,
		               "the value of `%.64s` must be text", name);
	reading->items[reading->n++] = (struct label){ slice_from(name), text };
	return 0;
}

int label_set_read(const struct json_t *object, bool several,
                   struct label_set **setp, struct err *err)
{
	struct reading reading = { .n = 0 };
	struct json_member member = { 0 };
	int rc = 0;

	*setp = NULL;
	if (!json_is_map(object))
		return err_set(err, -EINVAL,
		               "must be an object of names and values");
	while (rc == 0 && json_next_member(object, &member)) {
		size_t n = several ? json_count(member.value) : 0;

		if (n == 0)
			rc = read_value(&reading, member.name, member.value,
			                err);
		for (size_t i = 0; rc == 0 && i < n; i++)
			rc = read_value(&reading, member.name,
			                json_item(member.value, i), err);
	}
	return rc ? rc
	          : label_set_new(reading.items, reading.n, several, setp, err);
}

void label_set_write(struct json_writer *json, const struct label_set *set,
                     bool several)
{
	uint32_t n = set ? set->n : 0;

	json_write_object(json);
	for (uint32_t i = 0, to; i < n; i = to) {
		to = i + 1;
		while (to < n &&
		       slice_equal(set->items[to].name, set->items[i].name))
			to++;
		json_key_slice(json, set->items[i].name);
		if (several && to > i + 1)
			json_write_array(json);
		for (uint32_t at = i; at < to; at++)
			json_write_slice(json, set->items[at].value);
		if (several && to > i + 1)
			json_write_array_end(json);
	}
	json_write_object_end(json);
}

/* --- looking -------------------------------------------------------------- */

bool label_set_equal(const struct label_set *a, const struct label_set *b)
{
	if (!a || !b || a->n != b->n)
		return a == b;
	for (uint32_t i = 0; i < a->n; i++) {
		if (!slice_equal(a->items[i].name, b->items[i].name) ||
		    !slice_equal(a->items[i].value, b->items[i].value))
			return false;
	}
	return true;
}

struct label_set *label_set_copy(const struct label_set *set)
{
	struct label_set *copy;
	char *at;

	copy = mem_alloc(sizeof(*set) + set->n * sizeof(*set->items) +
	                 labels_text_size(set->items, set->n));
	if (!copy)
		return NULL;
	at = (char *)&copy->items[set->n];
	copy->n = set->n;
	labels_put(copy->items, &at, set->items, set->n);
	return copy;
}
