/* SPDX-License-Identifier: Apache-2.0 */
#include "core/push_watch_parts.h"

/* What one group, or its series, say to a subscription. */
struct sign {
	uint64_t age_ms;
	uint64_t away_ms;
	uint64_t running_ms;
	uint64_t failed_age_ms;
	uint32_t n; /* groups or series; 0: there is none */
	int16_t exit_code;
	bool failed;
};

static uint64_t since(int64_t now_ms, int64_t then_ms)
{
	return now_ms > then_ms ? (uint64_t)(now_ms - then_ms) : 0;
}

/* When the group was last heard of; false: never. What was only ever heard
 * to fail is no younger than anything. */
static bool group_age(const struct push_group *group, struct push_time now,
                      struct sign *sign)
{
	sign->age_ms = OBSERVATION_NEVER;
	if (group->pushed.wall_ms)
		sign->age_ms = since(now.mono_ms, group->pushed.mono_ms);
	else if (!group->beat.failed && group->beat.start.wall_ms)
		sign->age_ms = since(now.mono_ms, group->beat.start.mono_ms);
	return sign->age_ms != OBSERVATION_NEVER || group->beat.failed;
}

static void read_beat(const struct push_beat *beat, struct push_time now,
                      struct sign *sign)
{
	sign->failed = beat->failed;
	sign->exit_code = -1;
	if (beat->failed) {
		sign->exit_code = beat->exit_code;
		sign->failed_age_ms = since(now.mono_ms, beat->end.mono_ms);
	}
	if (beat->running)
		/* 0 would be that none does */
		sign->running_ms =
			MAX(since(now.mono_ms, beat->start.mono_ms), 1u);
}

static struct sign read_link(struct watch_link *link, struct push_time now)
{
	const struct watch_subscription *subscription = link->subscription;
	const struct push_group *group = link->group;
	struct sign sign = { .n = 1 };

	if (subscription->kind == WATCH_GROUP) {
		link->away_ms = 0;
		if (!group_age(group, now, &sign))
			sign.n = 0;
	} else if (subscription->kind == WATCH_FAMILY) {
		sign.age_ms = since(now.mono_ms, link->time.mono_ms);
		sign.n = link->time.wall_ms != 0;
	} else {
		sign.age_ms = since(now.wall_ms, watch_counted_ms(link));
		sign.n = link->n_series;
	}
	sign.away_ms = MIN(MAX(link->away_ms, group->away_ms), sign.age_ms);
	read_beat(&group->beat, now, &sign);
	return sign;
}

/* The age that counts. */
static uint64_t heard_ms(const struct sign *sign)
{
	return sign->age_ms - sign->away_ms;
}

static void add_sign(struct sign *sum, const struct sign *sign, bool any)
{
	uint32_t n = sum->n + sign->n;
	bool first = sum->n == 0;

	if (any) {
		if (first || heard_ms(sign) < heard_ms(sum))
			*sum = *sign;
		sum->n = n;
		return;
	}
	if (first || heard_ms(sign) > heard_ms(sum)) {
		sum->age_ms = sign->age_ms;
		sum->away_ms = sign->away_ms;
	}
	if (sign->failed &&
	    (!sum->failed || sign->failed_age_ms > sum->failed_age_ms)) {
		sum->failed = true;
		sum->failed_age_ms = sign->failed_age_ms;
		sum->exit_code = sign->exit_code;
	}
	sum->running_ms = MAX(sum->running_ms, sign->running_ms);
	sum->n = n;
}

static struct observation tell_missing(struct watch_subscription *subscription,
                                       struct push_time now)
{
	bool before = subscription->n_highest > 0;

	if (before && !subscription->missing)
		subscription->missing_mono_ms = now.mono_ms;
	subscription->missing = true;
	return (struct observation){
		.kind = OBSERVATION_MISSING,
		.age_ms = before ? since(now.mono_ms,
		                         subscription->missing_mono_ms)
		                 : OBSERVATION_NEVER,
		.exit_code = -1,
	};
}

struct observation watch_judge(struct watch_subscription *subscription,
                               struct push_time now)
{
	struct sign sum = { .exit_code = -1 };
	bool fewer;

	LIST_FOR_EACH (node, &subscription->links) {
		struct watch_link *link =
			container_of(node, struct watch_link, in_subscription);
		struct sign sign = read_link(link, now);

		if (sign.n > 0)
			add_sign(&sum, &sign,
			         subscription->match == PUSH_MATCH_ANY);
	}
	if (subscription->blind)
		return (struct observation){ .kind = OBSERVATION_UNKNOWN,
			                     .exit_code = -1 };
	fewer = subscription->match == PUSH_MATCH_ALL &&
	        sum.n < subscription->n_highest;
	if (!sum.failed && (sum.n == 0 || fewer))
		return tell_missing(subscription, now);
	subscription->missing = false;
	subscription->n_highest = MAX(subscription->n_highest, sum.n);
	return (struct observation){
		.kind = sum.failed ? OBSERVATION_FAILED : OBSERVATION_AGE,
		.age_ms = sum.failed ? sum.failed_age_ms : sum.age_ms,
		.away_ms = sum.failed ? 0 : sum.away_ms,
		.running_ms = sum.running_ms,
		.exit_code = sum.failed ? sum.exit_code : -1,
	};
}
