/* SPDX-License-Identifier: Apache-2.0 */
#include "core/probe.h"

#include "base/text.h"

static bool in_start_period(const struct probe_state *state,
                            const struct probe *probe, uint64_t now_ms)
{
	return state->health == CONTAINER_HEALTH_STARTING &&
	       now_ms - state->started_ms < probe->start_period_ms;
}

void probe_postpone(struct probe_state *state, const struct probe *probe,
                    uint64_t now_ms)
{
	bool starting = in_start_period(state, probe, now_ms);

	state->next_ms = now_ms + (starting ? probe->start_interval_ms
	                                    : probe->interval_ms);
}

void probe_begin(struct probe_state *state, const struct probe *probe,
                 uint64_t now_ms)
{
	*state = (struct probe_state){
		.health = CONTAINER_HEALTH_STARTING,
		.started_ms = now_ms,
	};
	probe_postpone(state, probe, now_ms);
}

static void count_failure(struct probe_state *state, const struct probe *probe,
                          uint64_t now_ms)
{
	if (in_start_period(state, probe, now_ms))
		return;
	if (state->n_streak < UINT32_MAX)
		state->n_streak++;
	if (state->n_streak >= probe->retries)
		state->health = CONTAINER_HEALTH_UNHEALTHY;
}

bool probe_result(struct probe_state *state, const struct probe *probe, bool ok,
                  uint64_t now_ms)
{
	enum container_health before = state->health;

	if (ok) {
		state->health = CONTAINER_HEALTH_HEALTHY;
		state->n_streak = 0;
	} else {
		count_failure(state, probe, now_ms);
	}
	probe_postpone(state, probe, now_ms);
	return state->health != before;
}

void probe_render(const char *text, const char *container, const char *ip,
                  struct buf *out)
{
	while (*text) {
		const char *open = strstr(text, "{{");
		const char *close = open ? strstr(open, "}}") : NULL;
		struct slice name;

		if (!close) {
			(void)buf_puts(out, text);
			return;
		}
		(void)buf_append(out, text, (size_t)(open - text));
		name = slice_trim(
			slice_make(open + 2, (size_t)(close - open - 2)));
		if (slice_is(name, "container"))
			(void)buf_puts(out, container);
		else if (slice_is(name, "ip"))
			(void)buf_puts(out, ip);
		else
			(void)buf_append(out, open, (size_t)(close - open + 2));
		text = close + 2;
	}
}

bool probe_wants_ip(const struct probe *probe)
{
	const char *text = probe->type == PROBE_HTTP  ? probe->url
	                   : probe->type == PROBE_TCP ? probe->address
	                                              : NULL;

	while (text && (text = strstr(text, "{{"))) {
		text += 2;
		while (*text == ' ' || *text == '\t')
			text++;
		if (strncmp(text, "ip", 2) == 0)
			return true;
	}
	return false;
}

bool probe_equal(const struct probe *a, const struct probe *b)
{
	if (!a || !b)
		return a == b;
	return a->type == b->type && text_equal(a->url, b->url) &&
	       text_equal(a->address, b->address) &&
	       text_list_equal(a->argv, b->argv) &&
	       a->interval_ms == b->interval_ms &&
	       a->timeout_ms == b->timeout_ms &&
	       a->start_period_ms == b->start_period_ms &&
	       a->start_interval_ms == b->start_interval_ms &&
	       a->retries == b->retries;
}
