import { defineConfig } from '@playwright/test';

import tests from './playwright.config';

/** `npm run measure`: what takes minutes and asserts nothing. */
export default defineConfig(tests, { testDir: 'measure', globalTimeout: 0 });
