/* SPDX-License-Identifier: Apache-2.0 */
#include "core/probe_keys.h"

#include <errno.h>
#include <string.h>
#include "base/duration.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/text.h"
#include "core/selector.h"
#include "proto/json.h"

#define PREFIX "user.healthcheck."

/* Whether the key has this truth; no key has none. */
static bool says(const struct container *container, const char *key, bool truth)
{
	const char *value = container_label(container, key);

	return value && selector_bool(value) == (int)truth;
}

static bool is_unwanted(const struct container *container)
{
	const char *restart = container_label(container, PREFIX "restart");

	return says(container, PREFIX "enabled", false) ||
	       says(container, PREFIX "ignore", true) ||
	       says(container, PREFIX "stopped", true) ||
	       (restart && strcmp(restart, "no") == 0);
}

/* --- the command -------------------------------------------------------- */

static int bad_test(struct err *err, const char *words)
{
	return err_set(err, -EINVAL, PREFIX "test: %s", words);
}

static int take_words(struct probe_keys *keys, size_t from, struct err *err)
{
	size_t n = json_count(keys->test);
	size_t k = 0;

	if (n - from > PROBE_KEYS_MAX_ARGS)
		return bad_test(err, "too many words");
	for (size_t i = from; i < n; i++) {
		struct slice word = json_as_text(json_item(keys->test, i));

		if (!word.p || memchr(word.p, '\0', word.n))
			return bad_test(err, "not all of it is text");
		keys->argv[k++] = word.p;
	}
	if (k == 0 || !keys->argv[0][0])
		return bad_test(err, "there is no command in it");
	return 0;
}

static int take_shell(struct probe_keys *keys, struct err *err)
{
	const char *text = json_as_string(json_item(keys->test, 1));

	if (json_count(keys->test) != 2 || !text[0])
		return bad_test(err, "CMD-SHELL wants one text behind it");
	keys->argv[0] = "/bin/sh";
	keys->argv[1] = "-c";
	keys->argv[2] = text;
	return 0;
}

/* 1: NONE. */
static int read_test(struct probe_keys *keys, const char *text, struct err *err)
{
	struct slice kind;
	int r = json_parse(slice_from(text), &keys->test, NULL);

	if (r == -ENOMEM)
		return err_set_code(err, r, PREFIX "test");
	if (r < 0 || json_count(keys->test) == 0)
		return bad_test(err, "not a list such as [\"CMD\",\"true\"]");
	kind = slice_from(json_as_string(json_item(keys->test, 0)));
	if (slice_is(kind, "NONE"))
		return 1;
	if (slice_is(kind, "CMD-SHELL"))
		return take_shell(keys, err);
	return take_words(keys, slice_is(kind, "CMD") ? 1 : 0, err);
}

/* --- the numbers -------------------------------------------------------- */

static int read_span(const struct container *container, const char *key,
                     uint64_t least_ms, uint64_t *msp, struct err *err)
{
	const char *value = container_label(container, key);
	uint64_t ms;

	if (!value || !value[0])
		return 0;
	if (duration_parse(slice_from(value), &ms) < 0 || ms < least_ms)
		return err_set(err, -EINVAL,
		               "%s: \"%.64s\" is no span of time such as 30s",
		               key, value);
	*msp = ms;
	return 0;
}

static int read_retries(const struct container *container, uint32_t *retriesp,
                        struct err *err)
{
	static const char key[] = PREFIX "retries";
	const char *value = container_label(container, key);
	uint64_t n;

	if (!value || !value[0])
		return 0;
	if (number_parse_u64(slice_from(value), &n) < 0 || n > UINT32_MAX)
		return err_set(err, -EINVAL, "%s: \"%.64s\" is no number", key,
		               value);
	/* 0 stands for the default, as in Docker's own */
	if (n)
		*retriesp = (uint32_t)n;
	return 0;
}

static int read_numbers(const struct container *container, struct probe *probe,
                        struct err *err)
{
	int r = read_span(container, PREFIX "interval", 1, &probe->interval_ms,
	                  err);

	if (r == 0)
		r = read_span(container, PREFIX "timeout", 1,
		              &probe->timeout_ms, err);
	if (r == 0)
		r = read_span(container, PREFIX "start_period", 0,
		              &probe->start_period_ms, err);
	if (r == 0)
		r = read_span(container, PREFIX "start_interval", 1,
		              &probe->start_interval_ms, err);
	if (r == 0)
		r = read_retries(container, &probe->retries, err);
	return r;
}

/* --- both --------------------------------------------------------------- */

static int read_keys(const struct container *container, const char *test,
                     struct probe_keys *keys, struct err *err)
{
	int r;

	keys->probe = (struct probe){
		.type = PROBE_EXEC,
		.argv = keys->argv,
		.interval_ms = PROBE_INTERVAL_MS,
		.timeout_ms = PROBE_TIMEOUT_MS,
		.start_interval_ms = PROBE_START_INTERVAL_MS,
		.retries = PROBE_RETRIES,
	};
	r = read_test(keys, test, err);
	return r ? r : read_numbers(container, &keys->probe, err);
}

int probe_keys_read(const struct container *container,
                    struct probe_keys **keysp, struct err *err)
{
	const char *test = container_label(container, PREFIX "test");
	struct probe_keys *keys;
	int r;

	*keysp = NULL;
	if (!test || !test[0] || is_unwanted(container))
		return 0;
	keys = mem_calloc(1, sizeof(*keys));
	if (!keys)
		return err_set_code(err, -ENOMEM, PREFIX "test");
	r = read_keys(container, test, keys, err);
	if (r == 0) {
		*keysp = keys;
		return 0;
	}
	probe_keys_free(keys);
	return r < 0 ? r : 0;
}

void probe_keys_free(struct probe_keys *keys)
{
	if (keys)
		json_free(keys->test);
	mem_free(keys);
}
