/* SPDX-License-Identifier: Apache-2.0 */
/* lease: who leads, and until when; the cases of client-go's own tests, and
 * what an integer as the clock shows beyond them. */
#include "support/cmocka.h"

#include "core/lease.h"

#define TTL   15000
#define RENEW 10000
#define RETRY 2000

static const struct lease_rules rules = {
	.identity = "me", .ttl_ms = TTL, .renew_ms = RENEW, .retry_ms = RETRY
};

static struct lease_record record(const char *holder, uint64_t transitions,
                                  uint64_t hash)
{
	return (struct lease_record){ .holder = slice_from(holder),
		                      .duration_ms = TTL,
		                      .transitions = transitions,
		                      .hash = hash };
}

static void start(struct lease *lease)
{
	lease_init(lease, &rules, 42);
	assert_false(lease_leads(lease, 0));
	assert_int_equal(lease_next(lease), 0);
	assert_int_equal(lease_due(lease, 0), LEASE_GET);
	/* one thing at a time */
	assert_int_equal(lease_next(lease), LEASE_NEVER);
	assert_int_equal(lease_due(lease, 100), LEASE_WAIT);
}

/* Ours since 0, by a record that was not there. */
static void start_leading(struct lease *lease)
{
	start(lease);
	assert_int_equal(lease_got(lease, NULL, 0), LEASE_CREATE);
	lease_written(lease, 1, 0);
	assert_true(lease_leads(lease, 0));
}

static void test_acquire_from_no_object(void **state)
{
	struct lease lease;

	start(&lease);
	assert_int_equal(lease_got(&lease, NULL, 100), LEASE_CREATE);
	assert_true(lease.taking);
	assert_int_equal(lease.transitions, 0);
	assert_false(lease_leads(&lease, 100));
	/* counted from before it was sent, not from the answer */
	lease_written(&lease, 1, 900);
	assert_true(lease_leads(&lease, 900));
	assert_true(lease_leads(&lease, 100 + RENEW - 1));
	assert_false(lease_leads(&lease, 100 + RENEW));
	assert_int_equal(lease_next(&lease), 900 + RETRY);
}

/* Whoever was the leader's before knows that a later one has begun. */
static void test_a_deleted_record_does_not_count_from_0(void **state)
{
	struct lease_record other = record("other", 6, 7);
	struct lease lease;

	start_leading(&lease);
	lease_failed(&lease, 0, 2000);
	assert_int_equal(lease_due(&lease, 4000), LEASE_GET);
	assert_int_equal(lease_got(&lease, NULL, 4000), LEASE_CREATE);
	assert_int_equal(lease.transitions, 1);

	start(&lease);
	assert_int_equal(lease_got(&lease, &other, 0), LEASE_WAIT);
	assert_int_equal(lease_due(&lease, 5000), LEASE_GET);
	assert_int_equal(lease_got(&lease, NULL, 5000), LEASE_CREATE);
	assert_int_equal(lease.transitions, 7);
}

/* Somebody else made it at the same moment. */
static void test_create_races(void **state)
{
	struct lease lease;
	struct lease_record other = record("other", 0, 7);

	start(&lease);
	assert_int_equal(lease_got(&lease, NULL, 0), LEASE_CREATE);
	assert_int_equal(lease_conflict(&lease, 10), LEASE_WAIT);
	assert_in_range(lease_next(&lease), 10 + RETRY,
	                10 + RETRY + RETRY * 12 / 10);
	assert_int_equal(lease_due(&lease, 5000), LEASE_GET);
	assert_int_equal(lease_got(&lease, &other, 5000), LEASE_WAIT);
	assert_false(lease_leads(&lease, 5000));
}

static void test_acquire_free(void **state)
{
	struct lease_record nobody = record("", 3, 7);
	struct lease lease;

	start(&lease);
	assert_int_equal(lease_got(&lease, &nobody, 0), LEASE_WRITE);
	assert_true(lease.taking);
	lease_written(&lease, 8, 0);
	assert_true(lease_leads(&lease, 0));
	assert_int_equal(lease.transitions, 4);
}

/* A record that says no duration holds nobody off. */
static void test_acquire_without_record(void **state)
{
	struct lease_record bare = record("other", 0, 7);
	struct lease lease;

	bare.duration_ms = 0;
	start(&lease);
	assert_int_equal(lease_got(&lease, &bare, 0), LEASE_WRITE);
	assert_int_equal(lease.transitions, 1);
}

/* Led by another: only that its record does not change, seen by our own clock,
 * says that it is dead; and its own duration counts. */
static void test_others_are_left_alone(void **state)
{
	struct lease_record other = record("other", 5, 7);
	struct lease lease;

	start(&lease);
	assert_int_equal(lease_got(&lease, &other, 0), LEASE_WAIT);
	assert_int_equal(lease_due(&lease, 14000), LEASE_GET);
	other.hash = 8; /* it was renewed, who knows when */
	assert_int_equal(lease_got(&lease, &other, 14000), LEASE_WAIT);
	assert_int_equal(lease_due(&lease, 28000), LEASE_GET);
	assert_int_equal(lease_got(&lease, &other, 28999), LEASE_WAIT);
	assert_int_equal(lease_due(&lease, 40000), LEASE_GET);
	assert_int_equal(lease_got(&lease, &other, 40000), LEASE_WRITE);
	assert_true(lease.taking);
	lease_written(&lease, 9, 40100);
	assert_true(lease_leads(&lease, 40100));
	assert_int_equal(lease.transitions, 6);
}

static void test_two_take_it_at_once(void **state)
{
	struct lease_record other = record("other", 5, 7);
	struct lease lease;

	start(&lease);
	assert_int_equal(lease_got(&lease, &other, 0), LEASE_WAIT);
	assert_int_equal(lease_due(&lease, 20000), LEASE_GET);
	assert_int_equal(lease_got(&lease, &other, 20000), LEASE_WRITE);
	assert_int_equal(lease_conflict(&lease, 20010), LEASE_WAIT);
	assert_false(lease_leads(&lease, 20010));
	assert_true(lease_next(&lease) >= 20010 + RETRY);
}

/* Each renewal: one write over what we wrote ourselves. */
static void test_renew(void **state)
{
	struct lease lease;
	uint64_t now_ms = 0;

	start_leading(&lease);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(lease_next(&lease), now_ms + RETRY);
		now_ms += RETRY;
		assert_int_equal(lease_due(&lease, now_ms), LEASE_WRITE);
		assert_false(lease.taking);
		lease_written(&lease, (uint64_t)i, now_ms);
	}
	assert_int_equal(lease.transitions, 0);
	assert_true(lease_leads(&lease, now_ms + RENEW - 1));
	assert_false(lease_leads(&lease, now_ms + RENEW));
}

/* A conflict is no loss by itself: it may be our own write, whose answer was
 * lost, or somebody else's label. */
static void test_conflict_while_leading(void **state)
{
	struct lease_record ours = record("me", 0, 9);
	struct lease_record other = record("other", 1, 10);
	struct lease lease;

	start_leading(&lease);
	assert_int_equal(lease_due(&lease, 2000), LEASE_WRITE);
	assert_int_equal(lease_conflict(&lease, 2010), LEASE_GET);
	assert_true(lease_leads(&lease, 2010));
	assert_int_equal(lease_got(&lease, &ours, 2020), LEASE_WRITE);
	assert_false(lease.taking);
	lease_written(&lease, 11, 2030);
	assert_true(lease_leads(&lease, 2020 + RENEW - 1));

	assert_int_equal(lease_due(&lease, 4030), LEASE_WRITE);
	assert_int_equal(lease_conflict(&lease, 4040), LEASE_GET);
	assert_int_equal(lease_got(&lease, &other, 4050), LEASE_WAIT);
	assert_false(lease_leads(&lease, 4050));
}

/* It was deleted under us: made anew, and its count begins again. */
static void test_gone_while_leading(void **state)
{
	struct lease lease;

	start_leading(&lease);
	assert_int_equal(lease_due(&lease, 2000), LEASE_WRITE);
	assert_int_equal(lease_conflict(&lease, 2010), LEASE_GET);
	assert_int_equal(lease_got(&lease, NULL, 2020), LEASE_CREATE);
	lease_written(&lease, 1, 2030);
	assert_true(lease_leads(&lease, 2030));
}

/* The server is away: we stop long before another may begin. */
static void test_expiry(void **state)
{
	struct lease lease;
	uint64_t now_ms = 0;

	start_leading(&lease);
	while (lease_leads(&lease, now_ms)) {
		now_ms = lease_next(&lease);
		if (lease_due(&lease, now_ms) != LEASE_WAIT) {
			assert_true(now_ms < RENEW);
			now_ms += 500;
			lease_failed(&lease, 0, now_ms);
		}
	}
	assert_int_equal(now_ms, RENEW);
	assert_int_equal(lease_due(&lease, now_ms), LEASE_WAIT);
	assert_false(lease.leading);
	/* it is back: who we were does not count, what stands there does */
	now_ms = lease_next(&lease);
	assert_int_equal(lease_due(&lease, now_ms), LEASE_GET);
}

/* It hangs: the timer ends it, not the answer; and an answer that comes late
 * makes nobody a leader. */
static void test_a_write_that_hangs(void **state)
{
	struct lease lease;

	start_leading(&lease);
	assert_int_equal(lease_due(&lease, 2000), LEASE_WRITE);
	assert_int_equal(lease_next(&lease), RENEW);
	assert_int_equal(lease_due(&lease, RENEW), LEASE_WAIT);
	assert_false(lease.leading);
	lease_written(&lease, 3, 2000 + RENEW);
	assert_false(lease.leading);
	assert_false(lease_leads(&lease, 2000 + RENEW));
}

/* The loop stood still: known without any call. */
static void test_a_loop_that_stalls(void **state)
{
	struct lease lease;

	start_leading(&lease);
	assert_false(lease_leads(&lease, 60000));
	assert_int_equal(lease_due(&lease, 60000), LEASE_GET);
	assert_false(lease.leading);
}

/* The same process comes back before anybody took it. */
static void test_ours_again(void **state)
{
	struct lease_record ours = record("me", 4, 9);
	struct lease lease;

	start(&lease);
	assert_int_equal(lease_got(&lease, &ours, 0), LEASE_WRITE);
	assert_false(lease.taking);
	lease_written(&lease, 10, 0);
	assert_true(lease_leads(&lease, 0));
	assert_int_equal(lease.transitions, 4);
}

static void test_retry_after(void **state)
{
	struct lease lease;

	start(&lease);
	lease_failed(&lease, 7000, 100);
	assert_int_equal(lease_next(&lease), 7100);
	assert_int_equal(lease_due(&lease, 7099), LEASE_WAIT);
	assert_int_equal(lease_due(&lease, 7100), LEASE_GET);
}

static void test_release(void **state)
{
	struct lease_record ours = record("me", 0, 9);
	struct lease_record other = record("other", 1, 10);
	struct lease lease;

	/* none, and not ours */
	start(&lease);
	assert_int_equal(lease_release(&lease, 0), LEASE_WAIT);

	/* at once, and nobody acts from then on */
	start_leading(&lease);
	assert_int_equal(lease_release(&lease, 1000), LEASE_RELEASE);
	assert_false(lease_leads(&lease, 1000));
	lease_written(&lease, 2, 1100);
	assert_false(lease_leads(&lease, 1100));
	assert_int_equal(lease_due(&lease, 5000), LEASE_WAIT);

	/* a conflict: again if it is still ours */
	start_leading(&lease);
	assert_int_equal(lease_release(&lease, 1000), LEASE_RELEASE);
	assert_int_equal(lease_conflict(&lease, 1010), LEASE_GET);
	assert_int_equal(lease_got(&lease, &ours, 1020), LEASE_RELEASE);
	assert_int_equal(lease_conflict(&lease, 1030), LEASE_GET);
	assert_int_equal(lease_got(&lease, &other, 1040), LEASE_WAIT);

	/* during a renewal: what the server has now is not known */
	start_leading(&lease);
	assert_int_equal(lease_due(&lease, 2000), LEASE_WRITE);
	lease_failed(&lease, 0, 2010);
	assert_int_equal(lease_release(&lease, 2020), LEASE_GET);
	assert_int_equal(lease_got(&lease, NULL, 2030), LEASE_WAIT);

	/* it has run out: not ours to give */
	start_leading(&lease);
	assert_int_equal(lease_release(&lease, RENEW), LEASE_WAIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_deleted_record_does_not_count_from_0),
		cmocka_unit_test(test_acquire_from_no_object),
		cmocka_unit_test(test_create_races),
		cmocka_unit_test(test_acquire_free),
		cmocka_unit_test(test_acquire_without_record),
		cmocka_unit_test(test_others_are_left_alone),
		cmocka_unit_test(test_two_take_it_at_once),
		cmocka_unit_test(test_renew),
		cmocka_unit_test(test_conflict_while_leading),
		cmocka_unit_test(test_gone_while_leading),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_a_write_that_hangs),
		cmocka_unit_test(test_a_loop_that_stalls),
		cmocka_unit_test(test_ours_again),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_release),
	};

	return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
