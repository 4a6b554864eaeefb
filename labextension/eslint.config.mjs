import { resolve } from 'node:path';

import eslint from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig(
  { ignores: ['**/lib/**', '**/node_modules/**', '**/test-results/**'] },
  eslint.configs.recommended,
  {
    files: ['labextension/src/**/*.{ts,tsx}', 'ui-tests/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./labextension/tsconfig.json', './ui-tests/tsconfig.json'],
        tsconfigRootDir: resolve(import.meta.dirname, '..')
      }
    },
    rules: {
      curly: ['error', 'all'],
      eqeqeq: 'error',
      // Lumino's slots and getters return what they like.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true }
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }]
    }
  }
);
