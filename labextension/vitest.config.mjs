import { defineConfig } from 'vitest/config';

export default defineConfig({
  cacheDir: '.cache/vitest',
  test: {
    include: ['labextension/src/**/*.spec.ts'],
    environment: 'node'
  }
});
