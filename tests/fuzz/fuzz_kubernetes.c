/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubernetes: whatever a server sends is refused with words, or is a Lease;
 * what is then written over it is a Lease again, with our fields as they were
 * set. As a Status it has short, clean words or none.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "proto/kubernetes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_WORDS 4096

static const struct kubernetes_lease_change change = {
	.name = "bouncer",
	.namespace_ = "default",
	.holder = "pod-a",
	.duration_ms = 15000,
	.transitions = 7,
	.acquired = true,
	.now_us = 1763961915123456,
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check(const struct json_t *root)
{
	struct kubernetes_lease written;
	struct json_t *again;
	struct err err = { 0 };
	struct buf body;

	buf_init(&body, KUBERNETES_MAX_LEASE);
	kubernetes_lease_write(&body, root, &change);
	if (!body.failed) {
		require(kubernetes_lease_parse(buf_slice(&body), &again,
		                               &written, &err) == 0);
		require(slice_is(written.holder, change.holder));
		require(written.duration_ms == change.duration_ms);
		require(written.transitions == change.transitions);
		json_free(again);
	}
	buf_fini(&body);
}

static void check_status(struct slice text)
{
	struct buf words;

	buf_init(&words, MAX_WORDS);
	kubernetes_status_words(&words, text);
	require(!words.failed);
	for (size_t i = 0; i < words.n; i++)
		require((unsigned char)words.p[i] >= ' ');
	buf_fini(&words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy without a byte to spare */
	char *copy = malloc(size ? size : 1);
	struct kubernetes_lease lease;
	struct json_t *root;
	struct err err = { 0 };
	int r;

	require(copy != NULL);
	if (size)
		memcpy(copy, data, size);
	check_status(slice_make(copy, size));
	r = kubernetes_lease_parse(slice_make(copy, size), &root, &lease, &err);
	require((r == 0) == (err.message[0] == '\0'));
	if (r == 0) {
		check(root);
		json_free(root);
	}
	free(copy);
	return 0;
}
