/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faults: makes allocations fail. Run a scenario once counting, then once per
 * allocation with the k-th failing:
 *
 *     faults_count();  scenario();  n = faults_end();
 *     for (k = 1; k <= n; k++) { faults_fail(k); scenario(); faults_end(); }
 *
 * Covers our own code and libuv (uv_replace_allocator). faults_end() fails the
 * test if anything allocated since the beginning was not freed.
 */
#pragma once

#include <stddef.h>

/* Once per program, before any use of libuv. */
void faults_install(void);
/* The same for programs that do not link libuv. */
void faults_install_mem(void);

void faults_count(void);
/* The @kth allocation from now on fails, once. */
void faults_fail(size_t kth);
/* Back to normal; returns the number of allocations seen. */
size_t faults_end(void);
