/* SPDX-License-Identifier: Apache-2.0 */
/* kubernetes: Leases as they are read, and as they are written back. */
#include "support/cmocka.h"

#include <errno.h>
#include "proto/kubernetes.h"

#define NOW_US INT64_C(1763962035123456) /* 2025-11-24T05:27:15.123456Z */

static const char stored[] =
	"{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\","
	"\"metadata\":{\"name\":\"mon\",\"namespace\":\"default\","
	"\"resourceVersion\":\"12345\",\"labels\":{\"a\":\"b\"},"
	"\"managedFields\":[{\"manager\":\"x\"}]},"
	"\"spec\":{\"holderIdentity\":\"pod-a_6f2c\","
	"\"leaseDurationSeconds\":15,"
	"\"acquireTime\":\"2025-11-24T05:27:15.123456Z\","
	"\"renewTime\":\"2025-11-24T05:27:25.000001Z\","
	"\"leaseTransitions\":3,\"strategy\":\"OldestEmulationVersion\"},"
	"\"more\":[1,2.5,null]}";

static void test_read(void **state)
{
	struct kubernetes_lease lease;
	struct kubernetes_lease again;
	struct json_t *root;

	assert_int_equal(
		kubernetes_lease_parse(slice_from(stored), &root, &lease, NULL),
		0);
	assert_true(slice_is(lease.holder, "pod-a_6f2c"));
	assert_int_equal(lease.duration_ms, 15000);
	assert_int_equal(lease.transitions, 3);
	json_free(root);
	/* every field of the spec may be absent or null */
	assert_int_equal(kubernetes_lease_parse(
				 slice_from("{\"kind\":\"Lease\",\"spec\":{"
	                                    "\"holderIdentity\":null}}"),
				 &root, &again, NULL),
	                 0);
	assert_int_equal(again.holder.n, 0);
	assert_int_equal(again.duration_ms, 0);
	assert_int_equal(again.transitions, 0);
	assert_true(again.hash != lease.hash);
	json_free(root);
	assert_int_equal(kubernetes_lease_parse(slice_from("{\"kind\":\"Lease\""
	                                                   "}"),
	                                        &root, &again, NULL),
	                 0);
	json_free(root);
}

static void test_not_read(void **state)
{
	static const char *const texts[] = { "", "<html>", "[]",
		                             "{\"kind\":\"Status\"}" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct kubernetes_lease lease;
		struct json_t *root;
		struct err err = { 0 };

		assert_int_equal(kubernetes_lease_parse(slice_from(texts[i]),
		                                        &root, &lease, &err),
		                 -EINVAL);
		assert_true(err.message[0] != '\0');
	}
}

/* Reads back what was written; nothing of the rest was lost. */
static void test_written_back(void **state)
{
	struct kubernetes_lease_change change = { .holder = "me\"",
		                                  .duration_ms = 15000,
		                                  .transitions = 4,
		                                  .now_us = NOW_US };
	struct kubernetes_lease lease;
	struct json_t *root;
	struct json_t *written;
	struct buf out;

	buf_init(&out, KUBERNETES_MAX_LEASE);
	assert_int_equal(
		kubernetes_lease_parse(slice_from(stored), &root, &lease, NULL),
		0);
	kubernetes_lease_write(&out, root, &change);
	json_free(root);
	assert_int_equal(out.failed, 0);
	assert_int_equal(
		kubernetes_lease_parse(buf_slice(&out), &written, &lease, NULL),
		0);
	assert_true(slice_is(lease.holder, "me\""));
	assert_int_equal(lease.transitions, 4);
	json_free(written);
	assert_non_null(strstr(out.p, "\"resourceVersion\":\"12345\""));
	assert_non_null(strstr(out.p, "\"labels\":{\"a\":\"b\"}"));
	assert_non_null(
		strstr(out.p, "\"managedFields\":[{\"manager\":\"x\"}"));
	assert_non_null(strstr(out.p, "\"strategy\":\"OldestEmulation"));
	assert_non_null(strstr(out.p, "\"more\":[1,2.5,null]"));
	assert_non_null(strstr(
		out.p, "\"acquireTime\":\"2025-11-24T05:27:15.123456Z\""));
	assert_non_null(
		strstr(out.p, "\"renewTime\":\"2025-11-24T05:27:15.123456Z\""));
	buf_fini(&out);
}

static void test_new_and_free(void **state)
{
	struct kubernetes_lease_change change = { .name = "mon",
		                                  .namespace_ = "default",
		                                  .holder = "",
		                                  .duration_ms = 0,
		                                  .acquired = true,
		                                  .now_us = NOW_US + 544 };
	struct buf out;

	buf_init(&out, KUBERNETES_MAX_LEASE);
	kubernetes_lease_write(&out, NULL, &change);
	assert_string_equal(
		buf_text(&out),
		"{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\","
		"\"metadata\":{\"name\":\"mon\",\"namespace\":\"default\"},"
		"\"spec\":{\"holderIdentity\":\"\",\"leaseDurationSeconds\":1,"
		"\"acquireTime\":\"2025-11-24T05:27:15.124000Z\","
		"\"renewTime\":\"2025-11-24T05:27:15.124000Z\","
		"\"leaseTransitions\":0}}");
	buf_fini(&out);
}

static void test_status(void **state)
{
	struct buf out;

	buf_init(&out, 1024);
	kubernetes_status_words(&out, slice_from("<html>"));
	kubernetes_status_words(&out, slice_from("{\"kind\":\"Status\"}"));
	assert_int_equal(out.n, 0);
	kubernetes_status_words(&out, slice_from("{\"kind\":\"Status\","
	                                         "\"message\":\"leases is "
	                                         "forbidden\\n\"}"));
	assert_string_equal(buf_text(&out), ": leases is forbidden ");
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_not_read),
		cmocka_unit_test(test_written_back),
		cmocka_unit_test(test_new_and_free),
		cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests_name("kubernetes", tests, NULL, NULL);
}
