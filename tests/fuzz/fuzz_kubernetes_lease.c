/* SPDX-License-Identifier: Apache-2.0 */
/* kubernetes: any bytes as the answer of an API server; what is read of a Lease
 * holds, and what we write over it can be read, and says what we wrote. */
#include <stdint.h>
#include <stdlib.h>
#include "proto/kubernetes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static const struct kubernetes_lease_change change = {
	.name = "mon",
	.namespace_ = "default",
	.holder = "pod \"a\"\n",
	.duration_ms = 15000,
	.transitions = 7,
	.acquired = true,
	.now_us = INT64_C(1763962035123456),
};

/* @root may say anything, as long as it is a Lease. */
static void write_over(const struct json_t *root)
{
	struct kubernetes_lease lease;
	struct json_t *again;
	struct buf out;

	buf_init(&out, 2 * KUBERNETES_MAX_LEASE);
	kubernetes_lease_write(&out, root, &change);
	if (!out.failed) {
		check(kubernetes_lease_parse(buf_slice(&out), &again, &lease,
		                             NULL) == 0);
		check(slice_is(lease.holder, change.holder));
		check(lease.duration_ms == change.duration_ms);
		check(lease.transitions == change.transitions);
		json_free(again);
	}
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_make((const char *)data, size);
	struct kubernetes_lease lease;
	struct json_t *root;
	struct err err = { 0 };
	struct buf words;
	int r = kubernetes_lease_parse(text, &root, &lease, &err);

	check((r < 0) == (err.code != 0));
	if (r == 0) {
		check(lease.duration_ms % 1000 == 0);
		check(lease.transitions <= INT64_MAX);
		for (size_t i = 0; i < lease.holder.n; i++)
			check(lease.holder.p[i] != '\0');
		write_over(root);
		json_free(root);
	}
	buf_init(&words, 1024);
	kubernetes_status_words(&words, text);
	for (size_t i = 0; i < words.n; i++)
		check(words.p[i] != '\n');
	buf_fini(&words);
	return 0;
}
