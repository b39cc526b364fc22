/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "support/faults.h"

#include <stdlib.h>
#include "base/mem.h"

/* What runs in libuv's pool allocates, too. */
static struct {
	_Atomic size_t n_seen;
	_Atomic size_t fail_at; /* 0: never */
	_Atomic long n_live;
	long n_live_before;
} faults;

static void *faults_realloc(void *context, void *pointer, size_t size)
{
	void *result;

	(void)context;
	if (size == 0) {
		faults.n_live -= pointer != NULL;
		free(pointer);
		return NULL;
	}
	if (++faults.n_seen == faults.fail_at)
		return NULL;
	result = realloc(pointer, size);
	faults.n_live += result && !pointer;
	return result;
}

void faults_install_mem(void)
{
	mem_set_allocator(faults_realloc, NULL);
}

static void begin(size_t fail_at)
{
	faults.n_seen = 0;
	faults.fail_at = fail_at;
	faults.n_live_before = faults.n_live;
}

void faults_count(void)
{
	begin(0);
}

void faults_fail(size_t kth)
{
	begin(kth);
}

size_t faults_end(void)
{
	faults.fail_at = 0;
	if (faults.n_live != faults.n_live_before)
		fail_msg("%ld allocations were not freed",
		         faults.n_live - faults.n_live_before);
	return faults.n_seen;
}
