import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: 'tests',
  // These need several minutes, and a server without clusters of earlier tests: SCALE_UI=all.
  testIgnore:
    process.env.SCALE_UI === 'all' ? [] : ['panel.spec.ts', 'panellook.spec.ts'],
  outputDir: 'test-results/artifacts',
  timeout: 120_000,
  expect: { timeout: 20_000 },
  fullyParallel: false,
  workers: 1,
  forbidOnly: Boolean(process.env.CI),
  reporter: [['list']],
  use: {
    viewport: { width: 1280, height: 800 },
    video: 'off',
    screenshot: 'only-on-failure',
    trace: 'off',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--disable-dev-shm-usage'
      ]
    }
  }
});
