/* SPDX-License-Identifier: Apache-2.0 */
/* A shared object that is no plugin. */
int mute(void);

__attribute__((visibility("default"))) int mute(void)
{
	return 0;
}
