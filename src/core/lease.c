/* SPDX-License-Identifier: Apache-2.0 */
#include "core/lease.h"

#define JITTER_TENTHS 12 /* of retry, at most, on top of it */

void lease_init(struct lease *lease, const struct lease_rules *rules,
                uint64_t seed)
{
	*lease = (struct lease){ .rules = rules, .rng = { seed } };
}

bool lease_leads(const struct lease *lease, uint64_t now_ms)
{
	return lease->leading && now_ms < lease->valid_until_ms;
}

uint64_t lease_next(const struct lease *lease)
{
	uint64_t next_ms = lease->busy ? LEASE_NEVER : lease->try_ms;

	return lease->leading ? MIN(next_ms, lease->valid_until_ms) : next_ms;
}

/* Who leads is regular; the others must not all come at once. */
static void try_later(struct lease *lease, uint64_t now_ms)
{
	uint64_t retry_ms = lease->rules->retry_ms;

	lease->busy = false;
	lease->try_ms = now_ms + retry_ms;
	if (!lease->leading)
		lease->try_ms += rng_below(&lease->rng,
		                           retry_ms * JITTER_TENTHS / 10 + 1);
}

static void lose(struct lease *lease)
{
	lease->leading = false;
	lease->cached = false;
}

static enum lease_ask ask(struct lease *lease, enum lease_ask what,
                          uint64_t now_ms)
{
	lease->busy = true;
	if (what != LEASE_GET)
		lease->sent_ms = now_ms;
	return what;
}

enum lease_ask lease_due(struct lease *lease, uint64_t now_ms)
{
	if (lease->leading && now_ms >= lease->valid_until_ms)
		lose(lease);
	if (lease->busy || lease->releasing || now_ms < lease->try_ms)
		return LEASE_WAIT;
	lease->taking = false;
	return ask(lease, lease->cached ? LEASE_WRITE : LEASE_GET, now_ms);
}

static enum lease_ask take(struct lease *lease, enum lease_ask what,
                           uint64_t transitions, uint64_t now_ms)
{
	lease->taking = true;
	lease->transitions = transitions;
	return ask(lease, what, now_ms);
}

/* Another holds it; it lives as long as its record changes. */
static bool lives(const struct lease *lease, const struct lease_record *record,
                  uint64_t now_ms)
{
	return record->holder.n > 0 &&
	       now_ms - lease->seen_ms < record->duration_ms;
}

static enum lease_ask got_for_release(struct lease *lease, bool ours,
                                      uint64_t now_ms)
{
	lease->busy = false;
	return ours ? ask(lease, LEASE_RELEASE, now_ms) : LEASE_WAIT;
}

enum lease_ask lease_got(struct lease *lease, const struct lease_record *record,
                         uint64_t now_ms)
{
	bool ours = record && record->holder.n > 0 &&
	            slice_is(record->holder, lease->rules->identity);

	if (lease->releasing)
		return got_for_release(lease, ours, now_ms);
	if (!record)
		return take(lease, LEASE_CREATE,
		            lease->seen ? lease->seen_transitions + 1 : 0,
		            now_ms);
	lease->seen_transitions = record->transitions;
	if (!lease->seen || record->hash != lease->seen_hash) {
		lease->seen = true;
		lease->seen_hash = record->hash;
		lease->seen_ms = now_ms;
	}
	if (ours) {
		lease->taking = false;
		lease->transitions = record->transitions;
		return ask(lease, LEASE_WRITE, now_ms);
	}
	lose(lease); /* whatever we believed */
	if (lives(lease, record, now_ms)) {
		try_later(lease, now_ms);
		return LEASE_WAIT;
	}
	return take(lease, LEASE_WRITE, record->transitions + 1, now_ms);
}

void lease_written(struct lease *lease, uint64_t hash, uint64_t now_ms)
{
	if (lease->releasing) {
		lease->busy = false;
		lose(lease);
		return;
	}
	lease->seen = true;
	lease->seen_hash = hash;
	lease->seen_transitions = lease->transitions;
	lease->seen_ms = now_ms;
	lease->valid_until_ms = lease->sent_ms + lease->rules->renew_ms;
	/* an answer that took too long is no lease */
	lease->leading = now_ms < lease->valid_until_ms;
	lease->cached = lease->leading;
	try_later(lease, now_ms);
}

enum lease_ask lease_conflict(struct lease *lease, uint64_t now_ms)
{
	lease->cached = false;
	if (lease->releasing ||
	    (lease->leading && now_ms < lease->valid_until_ms))
		return ask(lease, LEASE_GET, now_ms);
	try_later(lease, now_ms);
	return LEASE_WAIT;
}

void lease_failed(struct lease *lease, uint64_t after_ms, uint64_t now_ms)
{
	/* it may have been written, and only its answer lost */
	lease->cached = false;
	try_later(lease, now_ms);
	lease->try_ms = MAX(lease->try_ms, now_ms + after_ms);
}

enum lease_ask lease_release(struct lease *lease, uint64_t now_ms)
{
	bool ours = lease_leads(lease, now_ms);
	bool cached = lease->cached;

	lose(lease);
	lease->releasing = true;
	lease->busy = false;
	if (!ours)
		return LEASE_WAIT;
	return ask(lease, cached ? LEASE_RELEASE : LEASE_GET, now_ms);
}
